"""Clients leave, orders stops, coordinators are killed: no order is lost and none is doubled."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import grpc
import httpx
import pytest
from maitred.coordinator.v1 import turn_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import Failure, from_rpc_error
from tests.integration.coordinator.serving import (
    Answer,
    CoordinatorClient,
    Guest,
    coordinator_at,
    orders_at,
    some_port,
)
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, failure

ORDERING = "A latte and a croissant, please"
PATIENCE_S = 60.0


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Polls until it has happened."""
    deadline = time.monotonic() + PATIENCE_S
    while not await happened():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


async def insists(guest: Guest, text: str, key: str) -> tuple[Answer, list[Failure]]:
    """Sends a message until it is answered, as a client told to try again does."""
    refused: list[Failure] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                answer = await guest.says(text, key)
            except grpc.aio.AioRpcError as error:
                refused.append(from_rpc_error(error))
            else:
                if answer.events[-1].HasField("done"):
                    return answer, refused
            await asyncio.sleep(0.1)


@asynccontextmanager
async def no_order_commits(sees: Connection) -> AsyncIterator[None]:
    """Inside the block whoever places an order waits."""
    async with sees.transaction():
        await sees.execute("LOCK TABLE orders.orders IN ACCESS EXCLUSIVE MODE")
        yield


async def is_placing(sees: Connection, guest: Guest) -> bool:
    """Whether a tool call of the guest's conversation has begun and not ended."""
    session_id: UUID = from_id("ses", guest.session_id)
    begun = await sees.fetchval(
        "SELECT count(*) FROM coordinator.tool_calls WHERE session_id = $1 AND ok IS NULL",
        session_id,
    )
    return bool(begun)


async def order_ids(orders: OrdersClient, guest: Guest) -> list[str]:
    return [order.order_id for order in (await orders.page(guest.principal)).orders]


async def test_a_talk_goes_on_after_a_restart(
    database: MigratedDatabase, orders: OrdersClient, orders_port: int, tenant_id: UUID
) -> None:
    async with coordinator_at(database, orders_port) as first:
        guest = first.guest(tenant_id)
        await guest.arrive()
        await guest.says(ORDERING)
    async with coordinator_at(database, orders_port) as second:
        guest = guest.through(second)
        changed = await guest.says("make the latte decaf")
        assert [line.product_id for line in changed.turn.cart.lines] == ["latte", "croissant"]
    async with coordinator_at(database, orders_port) as third:
        approved = await guest.through(third).says("yes")
    assert await order_ids(orders, guest) == [approved.order_id]


async def test_a_client_that_leaves_while_its_order_is_placed_loses_nothing(
    guest: Guest, sees: Connection, orders: OrdersClient
) -> None:
    await guest.says(ORDERING)
    async with no_order_commits(sees):
        call = guest.call("yes", "approval")
        reading = asyncio.ensure_future(call.read())
        await until(lambda: is_placing(sees, guest))
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    async def is_recorded() -> bool:
        turn = await guest.turn("approval")
        return turn.state != turn_pb2.TURN_STATE_RUNNING and bool(turn.order.order_id)

    await until(is_recorded)
    assert not (await guest.session()).cart.lines
    recorded = (await guest.turn("approval")).order.order_id
    answer, _ = await insists(guest, "yes", "approval")
    assert answer.order_id == recorded
    assert answer.text
    assert await order_ids(orders, guest) == [recorded]


async def test_a_client_that_left_goes_on_with_another_message(
    guest: Guest, sees: Connection, orders: OrdersClient
) -> None:
    await guest.says(ORDERING)
    async with no_order_commits(sees):
        call = guest.call("yes", "approval")
        reading = asyncio.ensure_future(call.read())
        await until(lambda: is_placing(sees, guest))
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    answer, _ = await insists(guest, "and an espresso", "next")
    assert "order" in answer.kinds
    assert [line.product_id for line in answer.turn.cart.lines] == ["espresso"]
    assert len(await order_ids(orders, guest)) == 1
    settled = await guest.turn("approval")
    assert settled.state == turn_pb2.TURN_STATE_FINISHED
    assert [settled.order.order_id] == await order_ids(orders, guest)


async def test_without_orders_a_message_fails_and_works_when_it_is_back(
    database: MigratedDatabase,
) -> None:
    port = some_port()
    async with coordinator_at(database, port) as coordinator:
        async with orders_at(database, port) as orders:
            guest = coordinator.guest(await orders.open_tenant())
            await guest.arrive()
            await guest.says(ORDERING)
        failed = await failure(guest.says("yes", "approval"))
        assert (failed.code, failed.reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "DEPENDENCY_UNAVAILABLE",
        )
        assert (await guest.turn("approval")).state == turn_pb2.TURN_STATE_FAILED
        async with orders_at(database, port) as orders:
            answer, _ = await insists(guest, "yes", "approval")
            assert await order_ids(orders, guest) == [answer.order_id]


@asynccontextmanager
async def coordinator_process(
    database: MigratedDatabase, orders_port: int
) -> AsyncIterator[tuple[CoordinatorClient, asyncio.subprocess.Process]]:
    """A coordinator in a process of its own, to be killed."""
    port = some_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from services.chassis.run.lifecycle import Target, run_process\n"
        "from services.coordinator.config import CoordinatorConfig\n"
        "from services.coordinator.wiring import build\n"
        "run_process([Target('coordinator', CoordinatorConfig(), build)])",
        env=os.environ
        | {
            "MAITRED_COORDINATOR_LISTEN": f"127.0.0.1:{port}",
            "MAITRED_COORDINATOR_ADMIN_LISTEN": "127.0.0.1:0",
            "MAITRED_DB_COORDINATOR_URL": database.service_url("coordinator"),
            "MAITRED_ORDERS_ADDRESS": f"ipv4:127.0.0.1:{orders_port}",
            "MAITRED_MESH_PUBLIC_KEYS": KEY.public_pem,
            "MAITRED_PAGE_TOKEN_KEY": "test",
            "LEARNING_ROUTING": "false",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await asyncio.wait_for(channel.channel_ready(), PATIENCE_S)
            yield CoordinatorClient(channel, 0), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("message", ["yes", "add a muffin"])
async def test_a_coordinator_killed_while_it_places_an_order_is_taken_over(
    database: MigratedDatabase,
    coordinator: CoordinatorClient,
    orders: OrdersClient,
    orders_port: int,
    sees: Connection,
    tenant_id: UUID,
    message: str,
) -> None:
    async with coordinator_process(database, orders_port) as (dying, process):
        guest = dying.guest(tenant_id)
        await guest.arrive()
        await guest.says(ORDERING)
        async with no_order_commits(sees):
            reading = asyncio.ensure_future(guest.says("yes", "approval"))
            await until(lambda: is_placing(sees, guest))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await asyncio.gather(reading, return_exceptions=True)
    guest = guest.through(coordinator)
    key = "approval" if message == "yes" else "another"
    answer, refused = await insists(guest, message, key)
    expected = "REQUEST_IN_PROGRESS" if message == "yes" else "SESSION_BUSY"
    assert {failed.reason for failed in refused} <= {expected}
    placed = await order_ids(orders, guest)
    if message == "yes":
        assert placed == [answer.order_id]
    else:
        # The kill may have come before orders heard of it; then the cart is still to be approved.
        left = {line.product_id for line in answer.turn.cart.lines}
        assert (left == {"blueberry_muffin"}) == (len(placed) == 1), (left, placed)
        assert not answer.order_id


async def test_a_coordinator_that_lost_its_lease_says_so_and_stops(
    guest: Guest, sees: Connection, orders: OrdersClient
) -> None:
    await guest.says(ORDERING)
    async with no_order_commits(sees):
        reading = asyncio.ensure_future(guest.says("yes", "approval"))
        await until(lambda: is_placing(sees, guest))
        await sees.execute(
            "UPDATE coordinator.sessions SET lease_epoch = lease_epoch + 1,"
            " lease_expire_time = NULL WHERE session_id = $1",
            from_id("ses", guest.session_id),
        )
    failed = await failure(reading)
    assert failed.reason == "LEASE_LOST"
    answer, _ = await insists(guest, "yes", "approval")
    assert await order_ids(orders, guest) == [answer.order_id]


async def test_a_drain_finishes_the_turns_that_run(
    database: MigratedDatabase,
    orders: OrdersClient,
    orders_port: int,
    sees: Connection,
    tenant_id: UUID,
) -> None:
    async with coordinator_process(database, orders_port) as (stopping, process):
        guest = stopping.guest(tenant_id)
        await guest.arrive()
        await guest.says(ORDERING)
        async with no_order_commits(sees):
            reading = asyncio.ensure_future(guest.says("yes", "approval"))
            await until(lambda: is_placing(sees, guest))
            process.send_signal(signal.SIGTERM)
        answer = await reading
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert await order_ids(orders, guest) == [answer.order_id]


async def test_nodes_routes_and_models_are_counted(
    guest: Guest, coordinator: CoordinatorClient
) -> None:
    await guest.says(ORDERING)
    await guest.says("yes")
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"http://127.0.0.1:{coordinator.admin}/metrics")).text
    for series in (
        'coordinator_node_execution_total{node="converse",status="ok"}',
        'coordinator_node_execution_duration_seconds_count{node="serve"}',
        'coordinator_routing_decisions_total{profile="host@1",route="placed"}',
        'gen_ai_client_token_usage_count{gen_ai_operation_name="chat",',
        "gen_ai_client_operation_duration_seconds_count{",
    ):
        assert series in metrics
