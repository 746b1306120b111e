"""Whoever changes an order at the same time, its money and its stock come out as one story."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from typing import Any
from uuid import UUID

import grpc
import pytest
from maitred.orders.v1 import order_pb2, order_service_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import from_rpc_error
from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, cart
from tests.support.services import guest, metadata, with_role

CANCELLED = order_pb2.ORDER_STATUS_CANCELLED
REFUNDED = order_pb2.ORDER_STATUS_REFUNDED


@pytest.fixture
def manager(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.MANAGER)


async def told(sees: Connection, order_id: str) -> list[str]:
    """What the events of an order and of its payment tell, in the order of the outbox."""
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE aggregate_id = $1 ORDER BY id", order_id
    )
    events = [json.loads(row["payload"])["data"] for row in rows]
    return [event.get("status") or event["kind"] for event in events]


async def refused(attempts: Iterable[Coroutine[Any, Any, order_pb2.Order]]) -> list[str]:
    """The reasons of those that fail of what is tried at once."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    errors = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert len(errors) == sum(isinstance(result, BaseException) for result in results)
    return [from_rpc_error(error).reason for error in errors]


async def pay(
    client: OrdersClient, provider: Principal, order: order_pb2.Order, reference: str
) -> order_pb2.Order:
    response = await client.orders.RecordPayment(
        order_service_pb2.RecordPaymentRequest(
            order_id=order.order_id,
            payment_reference=reference,
            amount_minor=order.total_minor,
            currency_code=order.currency_code,
        ),
        metadata=metadata(provider),
    )
    return response.order


async def test_an_order_is_cancelled_or_accepted_and_its_stock_put_back_or_not(
    client: OrdersClient, tenant_id: UUID, manager: Principal, sees: Connection
) -> None:
    for product_id in ("latte", "bagel"):
        await sees.execute(
            "INSERT INTO orders.stock (tenant_id, product_id, count) VALUES ($1, $2, 100)",
            *(tenant_id, product_id),
        )
    owner = guest(tenant_id)
    wishes = [cart("latte", "bagel"), cart("bagel", "latte", quantity=2)] * 8
    orders = [await client.order(owner, wish) for wish in wishes]
    more = [await client.quote(owner, wish) for wish in wishes[:4]]

    async def place(quote_id: str) -> order_pb2.Order:
        return (await client.place(owner, quote_id))[0]

    reasons = await refused(
        [
            *(client.move(owner, order.order_id, CANCELLED) for order in orders),
            *(
                client.move(manager, order.order_id, order_pb2.ORDER_STATUS_ACCEPTED)
                for order in orders
            ),
            *(place(quote.quote_id) for quote in more),
        ]
    )
    assert reasons == ["TRANSITION_NOT_ALLOWED"] * len(orders)
    kept = [order for order in (await client.page(owner)).orders if order.status != CANCELLED]
    for order in orders:
        now = (await client.get(owner, order.order_id)).status
        ended = "cancelled" if now == CANCELLED else "accepted"
        assert await told(sees, order.order_id) == ["placed", ended]
    sold = sum(order.lines[0].quantity for order in kept)
    left = await sees.fetch("SELECT count FROM orders.stock WHERE tenant_id = $1", tenant_id)
    assert [row["count"] for row in left] == [100 - sold] * 2


async def test_what_is_paid_and_refunded_at_once_is_told_once_each(
    client: OrdersClient, tenant_id: UUID, manager: Principal, sees: Connection
) -> None:
    owner, provider = guest(tenant_id), with_role(tenant_id, Role.SERVICE)
    order = await client.order(owner)
    await client.move(owner, order.order_id, CANCELLED)
    reasons = await refused(
        [
            *(client.move(manager, order.order_id, REFUNDED, reason="no") for _ in range(12)),
            *(pay(client, provider, order, f"pi_{n % 2}") for n in range(12)),
        ]
    )
    assert sorted(reasons) == ["ORDER_ALREADY_PAID"] * 6 + ["TRANSITION_NOT_ALLOWED"] * 11
    events = await told(sees, order.order_id)
    assert events[:2] == ["placed", "cancelled"]
    # Whichever came first, the money that was paid goes back once.
    assert sorted(event for event in events[2:]) == ["paid", "refunded", "refunded"]
    assert events.index("paid") < len(events) - 1
    paid = (await client.get(owner, order.order_id)).payment
    assert paid.amount_minor == order.total_minor


async def test_a_payment_is_of_one_order_however_many_name_it_at_once(
    client: OrdersClient, tenant_id: UUID
) -> None:
    provider = with_role(tenant_id, Role.SERVICE)
    orders = [await client.order(guest(tenant_id)) for _ in range(8)]
    reasons = await refused(pay(client, provider, order, "pi_1") for order in orders)
    assert reasons == ["PAYMENT_REFERENCE_USED"] * 7
    found = (await client.page(provider)).orders
    assert sum(order.HasField("payment") for order in found) == 1
