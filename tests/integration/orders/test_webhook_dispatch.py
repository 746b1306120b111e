"""Deliveries are made once, of endpoints that are there, and wait for a place, and are kept."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from maitred.orders.v1 import webhook_pb2

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.streams import Cursor, StreamEvent
from services.orders.webhooks.consumer import Dispatcher
from services.orders.webhooks.queueing import DeliveryQueue
from services.orders.webhooks.schedule import Schedule
from services.orders.webhooks.settling import Policy
from services.orders.webhooks.store import DELETE_EXPIRED, WebhookStore
from services.orders.webhooks.webhook import Thresholds
from tests.integration.orders.webhooking import ORDERS, Owner, has, webhooks
from tests.support.receiver import Receiver, receiving
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, guest

DELIVERED = webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Owner]:
    # No attempt may end by itself: one here counts those that are held.
    async with webhooks(database, redis_url, webhook_timeout_s=30.0) as house:
        yield await house.owner()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@asynccontextmanager
async def dispatching(
    database: MigratedDatabase,
) -> AsyncIterator[Callable[[StreamEvent], Awaitable[None]]]:
    """Takes an event in as the consumer does, from memory what it has read of a tenant."""

    def now() -> datetime:
        return datetime.now(UTC)

    policy = Policy(Schedule(()), Thresholds(5, timedelta(minutes=1)), 4, timedelta(), timedelta())
    async with Database.connect(database.service_url("orders")) as orders:
        store = WebhookStore(orders)
        dispatch = Dispatcher(
            store, DeliveryQueue(store, policy), IdFactory(now), now, timedelta(days=1)
        )

        async def take_in(event: StreamEvent) -> None:
            async with orders.tenant(event.tenant_id) as connection:
                await dispatch(connection, event)

        yield take_in


async def test_an_event_that_comes_twice_is_one_delivery(
    owner: Owner, receiver: Receiver, database: MigratedDatabase, sees: Connection
) -> None:
    made = await owner.create(receiver.url, ORDERS)
    await owner.orders.order(guest(owner.tenant_id))
    await has(receiver, 1)
    [delivery] = await owner.deliveries(made.webhook.webhook_id)
    event = StreamEvent(Cursor(0, 1), owner.tenant_id, "gst_1", ORDERS, receiver.messages[0].body)
    async with dispatching(database) as take_in:
        await take_in(event)
    assert [one.delivery_id for one in await owner.deliveries(made.webhook.webhook_id)] == [
        delivery.delivery_id
    ]
    jobs = "SELECT count(*) FROM jobs.procrastinate_jobs WHERE args ->> 'webhook_id' = $1::text"
    assert await sees.fetchval(jobs, str(from_id("whk", made.webhook.webhook_id))) == 1


async def test_what_is_taken_in_for_an_endpoint_just_deleted_waits_for_nothing(
    owner: Owner, receiver: Receiver, database: MigratedDatabase, sees: Connection
) -> None:
    made = await owner.create(receiver.url, ORDERS)
    webhook_id = made.webhook.webhook_id
    await owner.orders.order(guest(owner.tenant_id))
    await has(receiver, 1)
    body = receiver.messages[0].body
    event = StreamEvent(Cursor(0, 1), owner.tenant_id, "gst_1", ORDERS, body)
    late = replace(event, payload=body.replace(b'"evt_', b'"evt_late_', 1))
    async with dispatching(database) as take_in:
        await take_in(event)
        await owner.call("DeleteWebhook", webhook_id=webhook_id)
        await take_in(late)
    made_of_it = (
        "SELECT count(*) FROM jobs.procrastinate_jobs WHERE args ->> 'webhook_id' = $1::text"
    )
    assert await sees.fetchval(made_of_it, str(from_id("whk", webhook_id))) == 2

    async def is_gone() -> bool:
        waiting = (
            "SELECT count(*) FROM orders.webhook_deliveries"
            " WHERE webhook_id = $1 AND status = 'waiting'"
        )
        left: int = await sees.fetchval(waiting, from_id("whk", webhook_id))
        return left == 0

    await eventually(is_gone)
    assert len(receiver.messages) == 1


async def test_one_endpoint_gets_no_more_attempts_at_once_than_it_may(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.gate.clear()
    made = await owner.create(receiver.url)
    sent = [await owner.test(made.webhook.webhook_id) for _ in range(12)]
    await has(receiver, 4)
    async with receiving() as other:
        swift = await owner.create(other.url)
        assert (await owner.settled(await owner.test(swift.webhook.webhook_id))).status == DELIVERED
    assert len(receiver.messages) == 4
    receiver.gate.set()
    for delivery in sent:
        await owner.settled(delivery, DELIVERED)
    assert receiver.at_once == 4


async def test_deliveries_are_kept_for_their_time(owner: Owner, sees: Connection) -> None:
    async with receiving() as receiver:
        made = await owner.create(receiver.url)
        old = await owner.settled(await owner.test(made.webhook.webhook_id))
        fresh = await owner.settled(await owner.test(made.webhook.webhook_id))
    expired = "UPDATE orders.{} SET expire_time = now() WHERE delivery_id = $1"
    for table in ("webhook_deliveries", "webhook_attempts"):
        await sees.execute(expired.format(table), from_id("whd", old.delivery_id))
    for statement in DELETE_EXPIRED:
        await sees.execute(statement, owner.tenant_id, datetime.now(UTC), 500)
    kept = await owner.deliveries(made.webhook.webhook_id)
    assert [one.delivery_id for one in kept] == [fresh.delivery_id]
    assert len((await owner.delivery(fresh)).attempts) == 1
    assert (
        await sees.fetchval(
            "SELECT count(*) FROM orders.webhook_attempts WHERE delivery_id = $1",
            from_id("whd", old.delivery_id),
        )
        == 0
    )
