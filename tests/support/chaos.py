"""Orders placed and moved while everything they need dies, and who says what of them afterwards.

Customers know what they were told, each heard its own events on a stream that broke again and
again, the log holds what is true, and the bandit what it made of it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import redis

from services.assembly.client import GatewayClient
from services.assembly.demo.access import DemoTenant
from services.assembly.demo.branches import new_branch
from services.chassis.data.outbox import partition_of
from services.chassis.data.postgres import Database
from services.chassis.data.streams import stream_key
from tests.support.evenings import Ledger, Listener, LoggedEvent
from tests.support.loop import assert_rewards_are_those_of_events, read_log, settled
from tests.support.losses import delete_all
from tests.support.mesh import RunningMesh, wait_until
from tests.support.reaper import STREAMS, Reaper, schedule

VICTIMS = ("relay", "orders", "gateway", "worker", "valkey", "postgres", STREAMS)
WHOLE_WAY = ("accepted", "preparing", "ready", "completed")
CANCELLED = ("cancelled",)
MOVED_SHARE = 0.3
CART = {"lines": [{"product_id": "espresso", "quantity": 1}]}
REFILLED_S = 60.0
DECIDED_S = 60.0


@dataclass(slots=True)
class Customer:
    """One who orders again and again, and listens to what becomes of it.

    Attributes:
        decision_id: of who serves them; every order is a reward of it.
        told: by order, the statuses that answers told of, in order.
    """

    guest: GatewayClient
    staff: GatewayClient
    decision_id: str
    listener: Listener
    told: dict[str, list[str]] = field(default_factory=dict)

    async def order(self, random: Random) -> None:
        """Places an order; some are moved by staff afterwards."""
        quote = await self.guest.call("POST", "/api/v1/quotes", {"cart": CART})
        body = {"quote_id": quote["quote_id"], "decision_id": self.decision_id}
        key = uuid4().hex
        placed = await self.guest.call("POST", "/api/v1/orders", body, key=key)
        order_id = placed["order_id"]
        assert order_id not in self.told
        self.told[order_id] = ["placed"]
        if random.random() < MOVED_SHARE:
            for status in random.choice((WHOLE_WAY, CANCELLED)):
                await self.staff.call(
                    "POST",
                    f"/api/v1/orders/{order_id}:transition",
                    {"status": f"ORDER_STATUS_{status.upper()}"},
                    key=uuid4().hex,
                )
                self.told[order_id].append(status)


@dataclass(frozen=True, slots=True)
class Trade:
    """What was traded at a tenant of its own while everything died."""

    mesh: RunningMesh
    tenant: DemoTenant
    customers: Sequence[Customer]
    logged: Sequence[LoggedEvent]

    @property
    def orders(self) -> Mapping[str, Sequence[str]]:
        """By order, the statuses its customer was told."""
        return {order: told for one in self.customers for order, told in one.told.items()}

    def assert_orders_have_exactly_their_events(self) -> None:
        """Every accepted order, and no other, has an event for each of its statuses, in order."""
        found = defaultdict(list)
        for event in self.logged:
            found[event.order_id].append(event.status)
        assert found == self.orders
        assert len({event.event_id for event in self.logged}) == len(self.logged)

    def assert_customers_heard_each_event_once(self) -> None:
        """Whatever broke in between: each its own events, all of them, in order."""
        for customer in self.customers:
            heard = [
                (one.cursor, one.data["id"], one.data["data"]["order_id"])
                for one in customer.listener.heard
                if one.kind == "order"
            ]
            assert heard == [
                (one.cursor, one.event_id, one.order_id)
                for one in self.logged
                if one.order_id in customer.told
            ]

    async def assert_effects_are_exactly_once(self) -> None:
        """Every order is one reward of its decision, and no dead letter waits."""
        tenant_id = UUID(self.tenant.tenant_id)
        async with Database.connect(self.mesh.record.database_url, max_size=2) as database:
            await settled(database)
            async with database.transaction() as connection:
                log = await read_log(connection, tenant_id)
                await assert_rewards_are_those_of_events(connection, tenant_id, log)
                rewards = await connection.fetchval(
                    "SELECT count(*) FROM bandit.rewards WHERE tenant_id = $1 AND source = 'order'",
                    tenant_id,
                )
        assert rewards == len(self.orders)

    def assert_a_wiped_valkey_gets_the_same_ids(self) -> None:
        """All of the stream is lost, and comes back entry by entry as it was."""
        before = self._stream()
        assert len(before) >= len(self.logged)
        delete_all(self.mesh)
        wait_until(lambda: self._stream()[: len(before)] == before, REFILLED_S)

    def _stream(self) -> Sequence[Any]:
        key = stream_key(partition_of(UUID(self.tenant.tenant_id)))
        with redis.Redis.from_url(self.mesh.record.redis_url) as client:
            return list(client.xrange(key))


async def trade_disturbed(
    mesh: RunningMesh,
    seed: int,
    *,
    orders: int,
    customers: int,
    times: int,
    pause_s: float = 0.0,
) -> Trade:
    """Orders until that many were placed and everything has died as often as is said.

    Args:
        mesh: where, at a tenant of its own.
        seed: of who dies when, and of what becomes of orders.
        orders: at least.
        customers: at once.
        times: how often each victim dies.
        pause_s: the longest rest of a customer between two orders.
    """
    tenant = await new_branch(mesh.record, mesh.home, mesh.demo[0].slug)
    ledger = Ledger(mesh.record.database_url)
    head = ledger.head(tenant.tenant_id)
    async with AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=None)
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=mesh.gateway_url, timeout=60, limits=limits)
        )
        staff = await _staff(http, tenant)
        everyone = await asyncio.gather(
            *(_customer(http, tenant, staff, head) for _ in range(customers))
        )
        for one in everyone:
            stack.callback(asyncio.create_task(one.listener.listen()).cancel)
        victims = schedule(Random(seed), dict.fromkeys(VICTIMS, times))
        reaping = asyncio.create_task(Reaper(mesh, Random(seed)).reap(victims))
        stack.callback(reaping.cancel)

        def is_over() -> bool:
            return reaping.done() and sum(len(one.told) for one in everyone) >= orders

        async with asyncio.TaskGroup() as group:
            for number, one in enumerate(everyone):
                group.create_task(_keep_ordering(one, Random(seed + number), pause_s, is_over))
        await reaping
        await asyncio.to_thread(ledger.wait_until_logged)
        logged = ledger.events(tenant.tenant_id, head)
        for one in everyone:
            await one.listener.until(_last(logged, one.told))
    return Trade(mesh, tenant, everyone, logged)


async def assert_trade_is_whole(trade: Trade) -> None:
    """All accounts tell the same story."""
    trade.assert_orders_have_exactly_their_events()
    trade.assert_customers_heard_each_event_once()
    await trade.assert_effects_are_exactly_once()
    await asyncio.to_thread(trade.assert_a_wiped_valkey_gets_the_same_ids)


async def _keep_ordering(
    customer: Customer, random: Random, pause_s: float, is_over: Callable[[], bool]
) -> None:
    while not is_over():
        await customer.order(random)
        await asyncio.sleep(random.uniform(0, pause_s))


async def _staff(http: httpx.AsyncClient, tenant: DemoTenant) -> GatewayClient:
    """Somebody behind the counter who may work as fast as they can."""
    manager = GatewayClient(http, tenant.manager_key)
    key = {"display_name": "chaos", "roles": ["ROLE_STAFF"], "requests_per_minute": 1_000_000}
    made = await manager.call("POST", "/api/v1/api-keys", key)
    return GatewayClient(http, made["secret"])


async def _customer(
    http: httpx.AsyncClient, tenant: DemoTenant, staff: GatewayClient, head: str
) -> Customer:
    guest = await GatewayClient.guest(http, tenant.slug)
    return Customer(guest, staff, await _decision(guest), Listener(guest, head))


async def _decision(guest: GatewayClient) -> str:
    """The decision on who serves a guest; where the bandit is too busy for one, none is logged."""
    async with asyncio.timeout(DECIDED_S):
        while True:
            session = await guest.call("POST", "/api/v1/sessions", {})
            answer = await guest.say(session["session_id"], "hello")
            if answer["decision_id"]:
                return str(answer["decision_id"])


def _last(logged: Iterable[LoggedEvent], orders: Mapping[str, object]) -> str:
    """The position of the last event of any of these orders."""
    return [one.cursor for one in logged if one.order_id in orders][-1]
