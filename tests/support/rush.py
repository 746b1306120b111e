"""Guests who buy and call off the same few things, all at once, and the books afterwards."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import grpc
from maitred.orders.v1 import order_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import from_rpc_error
from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, cart
from tests.support.services import guest, with_role

# What is counted, and what is not.
COUNTED = {"latte": 12, "bagel": 7, "mocha": 3}
DISHES = (*COUNTED, "croissant")
# It is gone, or somebody else holds what it needs for longer than a call waits.
EXPECTED = {"NOT_AVAILABLE", "REQUEST_IN_PROGRESS"}
# What becomes of an order. Most are called off before anybody begins, so that things go round.
ENDS = {
    "kept": 1,
    "begun and cancelled": 1,
    "accepted and cancelled": 6,
    "cancelled by the guest": 6,
}
PUT_BACK = {"accepted and cancelled", "cancelled by the guest"}


@dataclass(slots=True)
class Rush:
    """Guests of one tenant, and what they know to have bought."""

    client: OrdersClient
    tenant_id: UUID
    sold: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    orders: int = 0

    async def serve(self, guests: int, rounds: int, seed: int) -> None:
        """So many guests at once, so many orders each; every order is sent twice."""
        await asyncio.gather(
            *(self._guest(rounds, random.Random(f"{seed} {number}")) for number in range(guests))
        )

    async def _guest(self, rounds: int, chance: random.Random) -> None:
        for _ in range(rounds):
            owner = guest(self.tenant_id)
            wanted = cart(
                *chance.sample(DISHES, chance.randint(1, 3)), quantity=chance.randint(1, 2)
            )
            try:
                quote = await self.client.quote(owner, wanted)
            except grpc.aio.AioRpcError as error:
                self._refused(error)
                continue
            key = f"k{chance.random()}"
            twins = await asyncio.gather(
                *(self.client.place(owner, quote.quote_id, key=key) for _ in range(2)),
                return_exceptions=True,
            )
            placed = []
            for one in twins:
                if isinstance(one, BaseException):
                    self._refused(one)
                else:
                    placed.append(one[0])
            if placed:
                assert all(order == placed[0] for order in placed)
                end = chance.choices(list(ENDS), list(ENDS.values()))[0]
                await self._settle(placed[0], end)

    async def _settle(self, order: order_pb2.Order, end: str) -> None:
        self.orders += 1
        staff = with_role(self.tenant_id, Role.STAFF)
        ways = {
            "begun and cancelled": (
                order_pb2.ORDER_STATUS_ACCEPTED,
                order_pb2.ORDER_STATUS_PREPARING,
                order_pb2.ORDER_STATUS_CANCELLED,
            ),
            "accepted and cancelled": (
                order_pb2.ORDER_STATUS_ACCEPTED,
                order_pb2.ORDER_STATUS_CANCELLED,
            ),
        }
        if end == "cancelled by the guest":
            owner = Principal(self.tenant_id, order.principal_id, frozenset({Role.GUEST}))
            await self.client.move(owner, order.order_id, order_pb2.ORDER_STATUS_CANCELLED)
        for status in ways.get(end, ()):
            await self.client.move(staff, order.order_id, status)
        if end not in PUT_BACK:
            for line in order.lines:
                self.sold[line.product_id] += line.quantity

    def _refused(self, error: BaseException) -> None:
        if not isinstance(error, grpc.aio.AioRpcError):
            raise error
        reason = from_rpc_error(error).reason
        assert reason in EXPECTED, reason
        self.refused[reason] += 1


async def open_counter(client: OrdersClient, sees: Connection) -> Rush:
    """A new tenant with few of most things."""
    tenant_id = await client.open_tenant()
    await sees.executemany(
        "INSERT INTO orders.stock (tenant_id, product_id, count) VALUES ($1, $2, $3)",
        [(tenant_id, product_id, count) for product_id, count in COUNTED.items()],
    )
    return Rush(client, tenant_id)


async def balanced(rush: Rush, sees: Connection) -> None:
    """Fails unless every unit is either left or sold, and every order is one that a guest knows."""
    rows = await sees.fetch(
        "SELECT product_id, count FROM orders.stock WHERE tenant_id = $1", rush.tenant_id
    )
    left = {row["product_id"]: row["count"] for row in rows}
    assert left == {name: count - rush.sold[name] for name, count in COUNTED.items()}
    assert min(left.values()) >= 0
    orders = await sees.fetchval(
        "SELECT count(*) FROM orders.orders WHERE tenant_id = $1", rush.tenant_id
    )
    assert orders == rush.orders
    assert rush.refused["NOT_AVAILABLE"] > 0
