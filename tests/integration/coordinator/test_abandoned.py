"""Guests who leave with something in the cart are told of, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.postgres import Connection, Database
from services.coordinator.feedback.jobs import Abandonment
from services.coordinator.feedback.store import FeedbackStore
from tests.integration.coordinator.serving import CoordinatorClient, Guest, coordinator_at
from tests.integration.coordinator.test_failures import until
from tests.integration.coordinator.test_feedback import FIRST, is_served, told
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import Clock

SESSION = "maitred.session.v1"


@pytest_asyncio.fixture(loop_scope="module")
async def app(database: MigratedDatabase) -> AsyncIterator[Database]:
    async with Database.connect(database.service_url("coordinator")) as connected:
        yield connected


def half_an_hour_later(app: Database, tenant_id: UUID) -> Abandonment:
    """What looks for carts left behind, half an hour from now."""
    clock = Clock()
    clock.advance(minutes=30, seconds=1)
    new_id = IdFactory(clock).new
    return Abandonment(
        FeedbackStore(app), lambda: (tenant_id,), clock, new_id, lambda: None, after_s=1800.0
    )


async def test_a_cart_left_behind_is_told_once(
    guest: Guest, tenant_id: UUID, app: Database, sees: Connection
) -> None:
    await is_served(sees, guest, FIRST, "host")
    await guest.says("a latte please")
    later = half_an_hour_later(app, tenant_id)
    assert [await later.tell(), await later.tell()] == [1, 0]
    (event,) = await told(sees, guest, SESSION)
    assert event["status"] == "abandoned"
    assert event["session_id"] == guest.session_id
    assert event["principal_id"] == guest.principal.principal_id


async def test_the_decision_that_served_is_told_with_it(
    guest: Guest, tenant_id: UUID, app: Database, sees: Connection
) -> None:
    await guest.says("a latte please")
    await sees.execute(
        "UPDATE coordinator.sessions SET decision_id = $2, agent_id = $3 WHERE session_id = $1",
        from_id("ses", guest.session_id),
        FIRST,
        "host",
    )
    await half_an_hour_later(app, tenant_id).tell()
    (event,) = await told(sees, guest, SESSION)
    assert (event["decision_id"], event["agent_id"]) == (FIRST, "host")


async def test_who_ordered_or_never_wanted_anything_has_left_nothing(
    coordinator: CoordinatorClient, tenant_id: UUID, app: Database
) -> None:
    served, idle = coordinator.guest(tenant_id), coordinator.guest(tenant_id)
    await served.arrive()
    await idle.arrive()
    await served.says("a latte please")
    assert (await served.says("yes")).order_id
    await idle.says("hello")
    assert await half_an_hour_later(app, tenant_id).tell() == 0


async def test_a_cart_filled_after_an_order_counts_again(
    guest: Guest, tenant_id: UUID, app: Database
) -> None:
    await guest.says("a latte please")
    await guest.says("yes")
    await guest.says("and a croissant")
    assert await half_an_hour_later(app, tenant_id).tell() == 1


async def test_who_is_still_talking_has_left_nothing(
    guest: Guest, tenant_id: UUID, app: Database, sees: Connection
) -> None:
    await guest.says("a latte please")
    await sees.execute(
        "UPDATE coordinator.sessions SET lease_expire_time = now() + interval '1 minute'"
        " WHERE session_id = $1",
        from_id("ses", guest.session_id),
    )
    assert await half_an_hour_later(app, tenant_id).tell() == 0


async def test_several_who_look_at_once_tell_of_each_once(
    coordinator: CoordinatorClient, tenant_id: UUID, app: Database, sees: Connection
) -> None:
    guests = [coordinator.guest(tenant_id) for _ in range(6)]
    for guest in guests:
        await guest.arrive()
        await guest.says("a latte please")
    several = [half_an_hour_later(app, tenant_id) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.tell() for one in several))) == len(guests)
    assert [len(await told(sees, guest, SESSION)) for guest in guests] == [1] * len(guests)


async def test_a_running_coordinator_looks_by_itself(
    database: MigratedDatabase,
    orders: OrdersClient,
    orders_port: int,
    tenant_id: UUID,
    sees: Connection,
) -> None:
    async with coordinator_at(database, orders_port, abandoned_after_s=0.2) as impatient:
        guest = impatient.guest(tenant_id)
        await guest.arrive()
        await guest.says("a latte please")

        async def is_told() -> bool:
            return bool(await told(sees, guest, SESSION))

        await until(is_told)
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE aggregate_id = $1", guest.session_id
    )
    assert {json.loads(row["payload"])["source"] for row in rows} == {"/maitred/coordinator"}
