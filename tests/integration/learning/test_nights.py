"""What learning does while nobody asks: a cycle a night, trust that fades."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from maitred.learning.v1 import cycle_service_pb2

from gateway.identity.events import tenant_event
from gateway.identity.model import Tenant
from services.chassis.data.ids import IdFactory
from services.chassis.data.jobs import Deferred, Queue, defer
from services.chassis.data.outbox import append
from services.chassis.data.postgres import Database
from services.chassis.rpc.identity import Role
from services.chassis.run.lifecycle import Component, Resources, Target, open_resources
from services.learning.config import LearningConfig
from services.learning.jobs import PLAN, REFRESH, RUN, build
from services.worker.config import WorkerConfig
from services.worker.wiring import build as build_worker
from tests.integration.learning.serving import LearningClient, serving
from tests.integration.learning.telling import Guest
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, Clock, eventually, metadata, running, with_role

ROME = "Europe/Rome"


@asynccontextmanager
async def working(database: MigratedDatabase, clock: Clock, **settings: Any) -> AsyncIterator[None]:
    """A worker of learning's jobs, by that clock."""
    learning = LearningConfig(database_url=database.service_url("learning"), **settings)

    async def built(config: WorkerConfig, resources: Resources) -> Component:
        own = await open_resources("learning", learning, resources.stack, resources.telemetry)
        return await build_worker(config, resources, [build(learning, replace(own, clock=clock))])

    config = WorkerConfig(**{**SETTINGS, "database_url": database.service_url("worker")})
    async with running(Target("worker", config, built)):
        yield


async def done(database: MigratedDatabase, task: str) -> None:
    """Defers a schedule's job, as its tick would; returns once it and what it deferred is done."""
    connection = await asyncpg.connect(database.service_url("worker"))
    try:
        await defer(connection, Deferred(Queue.ANALYSIS, task, None))

        async def is_done() -> bool:
            return not await connection.fetchval(
                "SELECT count(*) FROM jobs.procrastinate_jobs"
                " WHERE status IN ('todo', 'doing') AND task_name LIKE 'learning.%'"
            )

        await eventually(is_done)
    finally:
        await connection.close()


async def cycles(client: LearningClient, tenant_id: UUID) -> int:
    found = await client.cycles.ListCycles(
        cycle_service_pb2.ListCyclesRequest(),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )
    return len(found.cycles)


async def moves(client: LearningClient, database: MigratedDatabase, tenant_id: UUID) -> None:
    """Identity tells that the tenant lives in Rome; returns once learning knows."""
    tenant = Tenant(tenant_id, "osteria", "Osteria", 0, datetime.now(UTC), ROME)
    event = tenant_event(IdFactory(lambda: datetime.now(UTC)).new(), tenant, datetime.now(UTC))
    async with (
        Database.connect(database.service_url("gateway")) as identity,
        identity.tenant(tenant_id) as connection,
    ):
        await append(connection, event)

    async def is_known() -> bool:
        async with (
            Database.connect(database.service_url("learning")) as learning,
            learning.transaction() as connection,
        ):
            rows = await connection.fetch(
                "SELECT tenant_id, time_zone FROM learning.list_tenants_v1(NULL, 1000)"
            )
        return (tenant_id, ROME) in {(row["tenant_id"], row["time_zone"]) for row in rows}

    await eventually(is_known)


async def test_a_tenant_has_one_cycle_a_night_of_its_own(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID
) -> None:
    clock = Clock()
    async with serving(database, redis_url) as client, working(database, clock):
        await client.happens(Guest(tenant_id).is_served().rates(5))
        await moves(client, database, tenant_id)
        # The first plan only notes the day.
        await done(database, PLAN)
        assert await cycles(client, tenant_id) == 0
        # An hour before the next night nothing is due, an hour after it one cycle is, for good.
        now = clock().astimezone(ZoneInfo(ROME))
        night = now.replace(hour=2, minute=0, second=0, microsecond=0)
        night += timedelta(days=0 if now < night else 1)
        ahead = night.astimezone(UTC) - clock()
        clock.advance(seconds=ahead.total_seconds() - 3600)
        await done(database, PLAN)
        assert await cycles(client, tenant_id) == 0
        clock.advance(hours=2)
        await done(database, PLAN)
        await done(database, PLAN)
        assert await cycles(client, tenant_id) == 1
        # Nights nobody was there for are made up for by one.
        clock.advance(days=3)
        await done(database, PLAN)
        assert await cycles(client, tenant_id) == 2


async def test_a_night_is_one_cycle_however_often_its_job_runs(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID
) -> None:
    async with serving(database, redis_url) as client, working(database, Clock()):
        await client.happens(Guest(tenant_id).is_served().rates(5))
        for _ in range(2):
            connection = await asyncpg.connect(database.service_url("worker"))
            try:
                job = Deferred(Queue.ANALYSIS, RUN, tenant_id, {"date": "2026-07-01"})
                await defer(connection, job)
            finally:
                await connection.close()
            await done(database, PLAN)
        assert await cycles(client, tenant_id) == 1


async def test_trust_fades_and_what_that_moves_is_told(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID
) -> None:
    clock = Clock()
    async with serving(database, redis_url) as client, working(database, clock):
        await client.happens(*(Guest(tenant_id).is_served().rates(5) for _ in range(8)))
        before = await client.trust(tenant_id)
        clock.advance(days=28)
        await done(database, REFRESH)
        after = await client.trust(tenant_id)
        assert after.evidence < before.evidence / 10
        assert 0.5 < after.overall < before.overall
        assert after.boost == before.boost

        async def is_told() -> bool:
            return "refresh" in {one["cause"] for one in await client.streamed(tenant_id)}

        await eventually(is_told)


@pytest.mark.parametrize("switch", ["is_enabled", "runs_jobs"])
async def test_switched_off_nothing_happens_at_night(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID, switch: str
) -> None:
    async with serving(database, redis_url) as client:
        await client.happens(Guest(tenant_id).is_served().rates(5))
        async with working(database, Clock(), **{switch: False}):
            connection = await asyncpg.connect(database.service_url("worker"))
            try:
                job = Deferred(Queue.ANALYSIS, RUN, tenant_id, {"date": "2026-07-02"})
                await defer(connection, job)
                await done(database, REFRESH)
                scheduled = await connection.fetch("SELECT task FROM jobs.schedules")
            finally:
                await connection.close()
            assert {row["task"] for row in scheduled} == {"worker.forget_jobs"}
            assert await cycles(client, tenant_id) == 0
