"""What is counted is never sold twice, and what cannot be had leaves nothing behind."""

import asyncio
import json
from uuid import UUID, uuid4

import grpc
import pytest
from maitred.orders.v1 import cart_pb2, order_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.orders.serving import OrdersClient, cart
from tests.support.services import failure, guest, with_role

CANCELLED = order_pb2.ORDER_STATUS_CANCELLED


async def count(sees: Connection, tenant_id: UUID, **left: int) -> None:
    """Begins to count products."""
    for product_id, number in left.items():
        await sees.execute(
            "INSERT INTO orders.stock (tenant_id, product_id, count) VALUES ($1, $2, $3)",
            *(tenant_id, product_id, number),
        )


async def left(sees: Connection, tenant_id: UUID) -> dict[str, int]:
    """How many are left of each product that is counted."""
    rows = await sees.fetch(
        "SELECT product_id, count FROM orders.stock WHERE tenant_id = $1", tenant_id
    )
    return {row["product_id"]: row["count"] for row in rows}


async def rows(sees: Connection, tenant_id: UUID, table: str) -> int:
    number: int = await sees.fetchval(
        f"SELECT count(*) FROM {table} WHERE tenant_id = $1",
        tenant_id,
    )
    return number


async def news_of_stock(sees: Connection, tenant_id: UUID) -> int:
    found = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE tenant_id = $1 AND type = 'maitred.catalog.v1'",
        tenant_id,
    )
    return sum(json.loads(row["payload"])["data"]["kind"] == "stock" for row in found)


async def test_an_order_takes_what_is_counted_off_the_stock(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await count(sees, tenant_id, latte=5, bagel=3)
    await client.order(guest(tenant_id), cart("latte", "croissant", "latte", quantity=2))
    assert await left(sees, tenant_id) == {"latte": 1, "bagel": 3}
    assert await news_of_stock(sees, tenant_id) == 0
    await client.order(guest(tenant_id), cart("latte"))
    assert await left(sees, tenant_id) == {"latte": 0, "bagel": 3}
    assert await news_of_stock(sees, tenant_id) == 1


async def test_an_order_of_more_than_there_is_leaves_nothing_behind(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner, cart("latte", "bagel", "croissant", quantity=2))
    await count(sees, tenant_id, latte=1, bagel=0, croissant=9)
    refused = await failure(client.place(owner, quote.quote_id, key="k"))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert (refused.reason, refused.metadata) == (
        "NOT_AVAILABLE",
        {"ids": "bagel,latte", "remaining": "0,1"},
    )
    assert await left(sees, tenant_id) == {"latte": 1, "bagel": 0, "croissant": 9}
    for table in ("orders.orders", "orders.order_lines"):
        assert await rows(sees, tenant_id, table) == 0
    # Neither key nor quote is used up.
    await sees.execute("UPDATE orders.stock SET count = 2 WHERE tenant_id = $1", tenant_id)
    _, replayed = await client.place(owner, quote.quote_id, key="k")
    assert not replayed


async def test_the_last_one_is_answered_again_to_whoever_bought_it(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await count(sees, tenant_id, latte=1)
    first, _ = await client.place(owner, quote.quote_id, key="k")
    assert await client.place(owner, quote.quote_id, key="k") == (first, True)
    assert await client.place(owner, quote.quote_id) == (first, True)
    assert await left(sees, tenant_id) == {"latte": 0}


@pytest.mark.parametrize("began", [False, True])
async def test_what_nobody_began_to_make_comes_back_when_it_is_cancelled(
    client: OrdersClient, tenant_id: UUID, sees: Connection, began: bool
) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    await count(sees, tenant_id, latte=2)
    order = await client.order(guest(tenant_id), cart("latte", "croissant", quantity=2))
    await count(sees, tenant_id, croissant=7)  # counted only since
    await client.move(staff, order.order_id, order_pb2.ORDER_STATUS_ACCEPTED)
    if began:
        await client.move(staff, order.order_id, order_pb2.ORDER_STATUS_PREPARING)
    await client.move(staff, order.order_id, CANCELLED)
    assert await left(sees, tenant_id) == {"latte": 0 if began else 2, "croissant": 7}
    assert await news_of_stock(sees, tenant_id) == (1 if began else 2)
    manager = with_role(tenant_id, Role.MANAGER)
    await client.move(
        manager, order.order_id, order_pb2.ORDER_STATUS_REFUNDED, reason="out of milk"
    )
    assert await left(sees, tenant_id) == {"latte": 0 if began else 2, "croissant": 7}


async def test_guests_at_once_buy_no_more_than_there_is(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    wishes = [("latte", "bagel"), ("bagel", "latte"), ("latte",), ("croissant", "bagel")]
    guests = [guest(tenant_id) for _ in range(40)]
    quotes = [await client.quote(owner, cart(*wishes[n % 4])) for n, owner in enumerate(guests)]
    await count(sees, tenant_id, latte=7, bagel=9)
    results = await asyncio.gather(
        *[client.place(owner, quote.quote_id) for owner, quote in zip(guests, quotes, strict=True)],
        return_exceptions=True,
    )
    placed = [result[0] for result in results if not isinstance(result, BaseException)]
    sold = [line.product_id for order in placed for line in order.lines]
    assert await left(sees, tenant_id) == {
        "latte": 7 - sold.count("latte"),
        "bagel": 9 - sold.count("bagel"),
    }
    assert 0 in (await left(sees, tenant_id)).values()
    assert await rows(sees, tenant_id, "orders.orders") == len(placed)


async def test_notes_are_kept_without_personal_data_and_told_to_nobody(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    line = cart_pb2.CartLine(product_id="latte", quantity=1, note="for Anna, +49 170 1234567")
    quote = await client.quote(owner, cart_pb2.Cart(lines=[line]))
    assert quote.cart.lines[0].note == "for Anna, [phone]"
    key = uuid4().hex
    order, _ = await client.place(
        owner, quote.quote_id, key=key, note="Ring twice or mail anna@example.com"
    )
    assert order.note == "Ring twice or mail [mail]"
    assert (await client.get(owner, order.order_id)).note == order.note
    stored = await sees.fetch(
        "SELECT o.placed, k.answer, q.cart, e.payload FROM orders.orders o"
        " JOIN orders.quotes q USING (tenant_id, quote_id)"
        " JOIN orders.idempotency_keys k ON k.tenant_id = o.tenant_id AND k.key = $2"
        " JOIN events.outbox e ON e.tenant_id = o.tenant_id AND e.aggregate_id = $3"
        " WHERE o.tenant_id = $1",
        *(tenant_id, key, order.order_id),
    )
    assert len(stored) == 1
    for column in stored[0].values():
        assert b"anna@example" not in column
        assert b"1234567" not in column
    assert b"Anna" not in stored[0]["payload"]
