"""A job for all tenants comes to every one of them, though somebody holds the first."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from services.chassis.data.ids import IdFactory
from services.chassis.data.jobs import Job, JobContext
from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import Failure
from services.chassis.run.lifecycle import open_resources
from services.chassis.run.telemetry import open_telemetry
from services.learning.config import LearningConfig
from services.learning.jobs import PLAN, REFRESH, RUN, build
from tests.integration.learning.serving import LearningClient
from tests.integration.learning.telling import Guest
from tests.support.servers import MigratedDatabase
from tests.support.services import Clock

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jobs(database: MigratedDatabase, clock: Clock) -> AsyncIterator[Mapping[str, Job]]:
    """Learning's jobs, by that clock."""
    config = LearningConfig(database_url=database.service_url("learning"))
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry("learning-jobs", "", 1.0)
        resources = await open_resources("learning-jobs", config, stack, telemetry)
        yield {one.name: one for one in build(config, replace(resources, clock=clock)).jobs}


@pytest_asyncio.fixture(loop_scope="module")
async def tenants(client: LearningClient, clock: Clock) -> list[UUID]:
    """Two that something was learned of, in the order in which jobs come to them."""
    new = IdFactory(clock)
    both = sorted((new.new(), new.new()))
    for tenant_id in both:
        await client.happens(*(Guest(tenant_id).is_served().rates(5) for _ in range(8)))
    return both


def run(tenant: UUID | None = None) -> JobContext:
    async def progress(done: int, total: int, note: str = "") -> None: ...

    async def compute(function: Callable[..., Any], *args: object) -> Any:
        return function(*args)

    return JobContext(1, tenant, {}, 1, progress, compute, lambda: False)


async def waiting(sees: Connection, task: str) -> list[UUID]:
    """Of which tenants a job of the task waits."""
    rows = await sees.fetch(
        "SELECT (args ->> 'tenant_id')::uuid AS tenant_id FROM jobs.procrastinate_jobs"
        " WHERE task_name = $1 AND status = 'todo' ORDER BY id",
        task,
    )
    return [row["tenant_id"] for row in rows]


async def test_a_refresh_puts_off_the_tenant_that_is_held_alone(
    client: LearningClient,
    jobs: Mapping[str, Job],
    tenants: list[UUID],
    clock: Clock,
    sees: Connection,
) -> None:
    held, free = tenants
    before = [(await client.trust(tenant_id)).evidence for tenant_id in tenants]
    clock.advance(days=28)
    async with sees.transaction():
        await sees.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('learning ' || $1::uuid, 0))", held
        )
        await jobs[REFRESH].run(run())
        with pytest.raises(Failure):
            await jobs[REFRESH].run(run(held))
    assert (await client.trust(held)).evidence == before[0]
    assert (await client.trust(free)).evidence < before[1] / 10
    assert await waiting(sees, REFRESH) == [held]
    after = (await client.trust(free)).evidence
    clock.advance(days=28)
    await jobs[REFRESH].run(run(held))
    assert (await client.trust(held)).evidence < before[0] / 10
    assert (await client.trust(free)).evidence == after, "a tenant's job is that tenant's"


async def test_a_plan_fails_for_the_tenant_that_is_held_when_the_others_are_planned(
    jobs: Mapping[str, Job], tenants: list[UUID], clock: Clock, sees: Connection
) -> None:
    held, free = tenants
    await jobs[PLAN].run(run())
    clock.advance(days=1)
    async with sees.transaction():
        await sees.execute("SELECT FROM learning.tenants WHERE tenant_id = $1 FOR UPDATE", held)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await jobs[PLAN].run(run())
        planned = await waiting(sees, RUN)
        assert free in planned
        assert held not in planned
    await jobs[PLAN].run(run())
    assert await waiting(sees, RUN) == [*planned, held]
