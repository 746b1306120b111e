"""Guests are served while bandit, learning or retrieval are away, or switched off."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import pytest_asyncio
from maitred.bandit.v1 import decision_service_pb2

from services.chassis.data.postgres import Connection
from services.chassis.run.lifecycle import Target
from services.coordinator.wiring import build
from tests.integration.coordinator.serving import (
    CoordinatorClient,
    coordinator_config,
    orders_at,
    some_port,
)
from tests.integration.coordinator.whole import Whole, manager, whole
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, failure, running


@asynccontextmanager
async def alone(
    database: MigratedDatabase, orders_port: int, **settings: Any
) -> AsyncIterator[CoordinatorClient]:
    """A coordinator with orders and nobody else."""
    nowhere = {
        f"{name}_address": f"ipv4:127.0.0.1:{some_port()}"
        for name in ("bandit", "learning", "retrieval")
    }
    config = coordinator_config(
        database.service_url("coordinator"), orders_port, **nowhere | settings
    )
    async with running(Target("coordinator", config, build)) as bound:
        address = f"127.0.0.1:{bound.grpc['coordinator']}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield CoordinatorClient(channel, bound.admin)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lonely(
    database: MigratedDatabase, orders: OrdersClient, orders_port: int
) -> AsyncIterator[CoordinatorClient]:
    async with alone(database, orders_port, learning_routing=True) as client:
        yield client


async def kinds_told(sees: Connection, session_id: str) -> list[str]:
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE type = 'maitred.recommendation.v1' "
        "AND aggregate_id = $1 ORDER BY id",
        session_id,
    )
    return [json.loads(bytes(row["payload"]))["data"]["kind"] for row in rows]


async def test_without_a_bandit_the_workflows_own_agent_takes_the_order(
    lonely: CoordinatorClient, orders: OrdersClient, sees: Connection
) -> None:
    guest = lonely.guest(await orders.open_tenant())
    await guest.arrive()
    first = await guest.says("a latte please")
    assert (first.turn.agent_id, first.turn.decision_id) == ("host", "")
    placed = await guest.says("yes")
    assert placed.order_id
    assert await kinds_told(sees, guest.session_id) == ["serve"]


@pytest.mark.parametrize("question", ["When do you close?", "Do you have parking?"])
async def test_without_retrieval_nothing_is_made_up(
    lonely: CoordinatorClient, orders: OrdersClient, question: str
) -> None:
    guest = lonely.guest(await orders.open_tenant())
    await guest.arrive()
    await guest.says("a latte please")
    answer = await guest.says(question)
    assert "can't look that up right now" in answer.text
    assert not answer.turn.citations
    assert (await guest.says("yes")).order_id


async def test_without_retrieval_the_menu_is_still_known(
    lonely: CoordinatorClient, orders: OrdersClient
) -> None:
    guest = lonely.guest(await orders.open_tenant())
    await guest.arrive()
    assert "€3.80" in (await guest.says("how much is a latte?")).text


@pytest.mark.parametrize("switch", ["learning_tracking", "learning_enabled"])
async def test_what_is_not_tracked_is_not_told(
    database: MigratedDatabase,
    orders: OrdersClient,
    orders_port: int,
    sees: Connection,
    switch: str,
) -> None:
    async with alone(database, orders_port, **{switch: False}) as coordinator:
        guest = coordinator.guest(await orders.open_tenant())
        await guest.arrive()
        answer = await guest.says("a latte please")
    assert answer.turn.agent_id == "host"
    assert not answer.turn.recommendation_ids
    assert await kinds_told(sees, guest.session_id) == []


async def test_a_first_turn_that_failed_keeps_its_decision(
    database: MigratedDatabase, redis_url: str, orders: OrdersClient
) -> None:
    port = some_port()
    async with whole(database, redis_url, orders, port) as house:
        tenant_id = await house.tenant()
        guest = await house.arrives(tenant_id)
        failed = await failure(guest.says("a latte please", "first"))
        assert failed.reason == "DEPENDENCY_UNAVAILABLE"
        async with orders_at(database, port):
            answer = await guest.says("a latte please", "first")
        made = await house.decisions.ListDecisions(
            decision_service_pb2.ListDecisionsRequest(), metadata=manager(tenant_id)
        )
    assert [one.decision_id for one in made.decisions] == [answer.turn.decision_id]


async def test_who_serves_a_conversation_stays_when_the_bandit_goes(
    database: MigratedDatabase, house: Whole, lonely: CoordinatorClient, sees: Connection
) -> None:
    guest = await house.arrives(await house.tenant("guide"))
    first = await guest.says("a latte please")
    second = await guest.through(lonely).says("and an espresso")
    assert second.turn.agent_id == first.turn.agent_id == "guide"
    assert second.turn.decision_id == first.turn.decision_id
    assert await kinds_told(sees, guest.session_id) == ["serve"]


async def test_what_the_bandit_refuses_one_tenant_is_that_tenants_trouble_alone(
    house: Whole, sees: Connection
) -> None:
    odd, usual = await house.tenant(), await house.tenant()
    assert (await (await house.arrives(odd)).says("a latte please")).turn.decision_id
    # As another release may have left it.
    await sees.execute(
        "UPDATE bandit.policies SET context_features = '{moon}', generation = generation + 1,"
        " version = version + 1 WHERE tenant_id = $1",
        odd,
    )

    async def is_refused() -> bool:
        answer = await (await house.arrives(odd)).says("a latte please")
        return (answer.turn.agent_id, answer.turn.decision_id) == ("host", "")

    await eventually(is_refused)
    assert (await (await house.arrives(usual)).says("a latte please")).turn.decision_id
