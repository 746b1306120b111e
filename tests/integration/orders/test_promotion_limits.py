"""Promotions for first orders, or for so many of a guest's, are had no more often than that."""

import asyncio
from typing import Any
from uuid import UUID

import grpc
import pytest
from maitred.orders.v1 import cart_service_pb2, order_pb2, promotion_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import from_rpc_error
from tests.integration.orders.serving import OrdersClient, cart
from tests.support.services import guest


def tenth_off(**limits: Any) -> promotion_pb2.Promotion:
    """A tenth off every order."""
    return promotion_pb2.Promotion(
        promotion_id="welcome",
        display_name="Welcome",
        percentage=promotion_pb2.PercentageTerms(percent=10),
        **limits,
    )


def euro_off(code: str, **limits: Any) -> promotion_pb2.Promotion:
    """A euro off for those who know the code."""
    return promotion_pb2.Promotion(
        promotion_id="welcome",
        display_name="Welcome",
        code=promotion_pb2.CodeTerms(code=code, amount=promotion_pb2.AmountTerms(amount_minor=100)),
        **limits,
    )


async def test_a_first_order_has_its_promotion_and_the_next_one_not(
    client: OrdersClient, tenant_id: UUID
) -> None:
    await client.promote(tenant_id, tenth_off(first_order_only=True))
    someone, other = guest(tenant_id), guest(tenant_id)
    quoted = await client.quote(someone, cart("latte"))
    assert [discount.first_order_only for discount in quoted.cart.discounts] == [True]
    order, _ = await client.place(someone, quoted.quote_id)
    assert not (await client.quote(someone, cart("latte"))).cart.discounts
    assert (await client.quote(other, cart("latte"))).cart.discounts
    await client.move(someone, order.order_id, order_pb2.ORDER_STATUS_CANCELLED)
    assert (await client.quote(someone, cart("latte"))).cart.discounts


async def test_a_guest_has_a_limited_promotion_so_often(
    client: OrdersClient, tenant_id: UUID
) -> None:
    await client.promote(tenant_id, euro_off("WELCOME", uses_per_customer=2))
    someone = guest(tenant_id)
    for _ in range(2):
        redeemed = await client.redeem(someone, cart("latte"), "WELCOME")
        assert redeemed.cart.payable_minor == 280
        await client.place(someone, (await client.quote(someone, redeemed.cart)).quote_id)
    (refusal,) = (await client.redeem(someone, cart("latte"), "WELCOME")).refusals
    assert refusal.problem == cart_service_pb2.CODE_PROBLEM_USED_UP
    assert refusal.reason == "The code WELCOME can be used twice, and you have used it."
    assert not (await client.redeem(guest(tenant_id), cart("latte"), "WELCOME")).refusals


@pytest.mark.parametrize("terms", [{"uses_per_customer": 1}, {"first_order_only": True}], ids=str)
async def test_a_promotion_is_had_as_often_as_it_may_be_though_quotes_promise_more(
    client: OrdersClient, tenant_id: UUID, sees: Connection, terms: dict[str, Any]
) -> None:
    await client.promote(tenant_id, tenth_off(**terms))
    owner, other = guest(tenant_id), guest(tenant_id)
    quotes = [await client.quote(owner) for _ in range(24)]
    assert {quote.total_minor for quote in quotes} == {342}
    results = await asyncio.gather(
        *[client.place(owner, quote.quote_id) for quote in quotes], return_exceptions=True
    )
    refused = [
        from_rpc_error(result) for result in results if isinstance(result, grpc.aio.AioRpcError)
    ]
    assert [one.reason for one in refused] == ["PROMOTION_USED_UP"] * 23
    assert refused[0].metadata == {"promotion_ids": "welcome"}
    all_of_them = "SELECT count(*) FROM orders.orders WHERE tenant_id = $1"
    assert await sees.fetchval(all_of_them, tenant_id) == 1
    assert (await client.order(other)).total_minor == 342
    # A guest who cancels may have it again.
    (placed,) = (await client.page(owner)).orders
    await client.move(owner, placed.order_id, order_pb2.ORDER_STATUS_CANCELLED)
    assert (await client.order(owner)).total_minor == 342
