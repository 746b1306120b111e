"""Deliveries that lost their jobs get others, whoever holds an endpoint beside them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.chassis.data.ids import from_id
from services.chassis.data.jobs import Job, JobContext
from services.chassis.data.postgres import Connection
from services.chassis.run.lifecycle import open_resources
from services.chassis.run.telemetry import open_telemetry
from services.orders.config import OrdersConfig
from services.orders.webhooks.wiring import build_jobs
from tests.integration.orders.webhooking import QUICK, Owner, webhooks
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Owner]:
    """Of what nobody sends: there is no worker."""
    async with webhooks(database, redis_url, has_worker=False) as house:
        yield await house.owner()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sweep(database: MigratedDatabase) -> AsyncIterator[Job]:
    """The job, as the worker would have it."""
    url = database.service_url("orders")
    config = OrdersConfig(**{**SETTINGS, "database_url": url, **QUICK})
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry("orders-jobs", "", 1.0)
        resources = await open_resources("orders-jobs", config, stack, telemetry)
        (job,) = (one for one in build_jobs(config, resources).jobs if "sweep" in one.name)
        yield job


def run() -> JobContext:
    async def progress(done: int, total: int, note: str = "") -> None: ...

    async def compute(function: Callable[..., Any], *args: object) -> Any:
        return function(*args)

    return JobContext(1, None, {}, 1, progress, compute, lambda: False)


@pytest.mark.parametrize("held", [0, 1])
async def test_an_endpoint_that_is_held_keeps_no_other_waiting(
    owner: Owner, sweep: Job, sees: Connection, held: int
) -> None:
    made = [(await owner.create("http://127.0.0.1:9999/")).webhook.webhook_id for _ in range(2)]
    endpoints = [from_id("whk", webhook_id) for webhook_id in sorted(made)]
    for webhook_id in made:
        await owner.test(webhook_id)
    await sees.execute("DELETE FROM jobs.procrastinate_jobs")
    await sees.execute(
        "UPDATE orders.webhook_deliveries SET next_attempt_time = now() - interval '1 hour'"
    )

    async def resumed() -> set[Any]:
        rows = await sees.fetch(
            "SELECT (args ->> 'webhook_id')::uuid AS webhook_id FROM jobs.procrastinate_jobs"
        )
        return {row["webhook_id"] for row in rows}

    async with sees.transaction():
        await sees.execute(
            "SELECT FROM orders.webhooks WHERE webhook_id = $1 FOR UPDATE", endpoints[held]
        )
        with pytest.raises(asyncpg.LockNotAvailableError):
            await sweep.run(run())
        assert await resumed() == {endpoints[1 - held]}
    await sweep.run(run())
    assert await resumed() == set(endpoints)
    for webhook_id in made:
        await owner.call("DeleteWebhook", webhook_id=webhook_id)


@pytest.mark.parametrize(("lease", "is_resumed"), [("- interval '1 hour'", True), ("", False)])
async def test_an_attempt_whose_lease_is_long_over_is_made_again(
    owner: Owner, sweep: Job, sees: Connection, lease: str, is_resumed: bool
) -> None:
    webhook_id = (await owner.create("http://127.0.0.1:9999/")).webhook.webhook_id
    await owner.test(webhook_id)
    await sees.execute("DELETE FROM jobs.procrastinate_jobs")
    await sees.execute(
        "UPDATE orders.webhook_deliveries SET status = 'sending', attempts = 1,"
        f" next_attempt_time = now() - interval '2 hours', lease_time = now() {lease}"
        " WHERE webhook_id = $1",
        from_id("whk", webhook_id),
    )
    await sweep.run(run())
    assert bool(await sees.fetchval("SELECT count(*) FROM jobs.procrastinate_jobs")) is is_resumed
    await owner.call("DeleteWebhook", webhook_id=webhook_id)
