"""A quote is placed alike by the process that made it, which remembers it, and by any other."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from tests.integration.orders.serving import OrdersClient, cart, lasting, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, failure, guest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(database: MigratedDatabase) -> AsyncIterator[OrdersClient]:
    """A second replica, which remembers nothing of what the first one made."""
    async with serving(database.service_url("orders")) as served:
        yield served


async def count_orders(sees: Connection, tenant_id: UUID) -> int:
    count: int = await sees.fetchval(
        "SELECT count(*) FROM orders.orders WHERE tenant_id = $1", tenant_id
    )
    return count


async def test_a_quote_is_placed_without_being_read_where_it_was_made(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await sees.execute("ALTER FUNCTION orders.read_quote_to_place_v2 RENAME TO out_of_reach")
    try:
        order, is_replayed = await client.place(
            owner, quote.quote_id, quote_signature=quote.signature
        )
    finally:
        await sees.execute("ALTER FUNCTION orders.out_of_reach RENAME TO read_quote_to_place_v2")
    assert not is_replayed
    assert list(order.lines) == list(quote.cart.lines)
    assert order.total_minor == quote.total_minor


async def test_a_quote_is_placed_alike_where_it_was_not_made(
    client: OrdersClient, other: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    wanted = cart("latte", "croissant", quantity=2)
    here, there = [await client.quote(owner, wanted) for _ in range(2)]
    first, _ = await client.place(owner, here.quote_id)
    second, _ = await other.place(owner, there.quote_id, quote_signature=there.signature)
    for order in (first, second):
        for told in ("order_id", "quote_id", "transaction_id", "create_time", "update_time"):
            order.ClearField(told)
        order.ClearField("cancel_expire_time")
    assert lasting(first) == lasting(second)


async def test_replicas_asked_at_once_place_one_order(
    client: OrdersClient, other: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    answers = await asyncio.gather(
        *[one.place(owner, quote.quote_id) for one in (client, other) * 8],
        *[one.place(owner, quote.quote_id, key="k") for one in (client, other) * 8],
    )
    assert sum(not is_replayed for _, is_replayed in answers) == 1
    assert all(order == answers[0][0] for order, _ in answers)
    assert await count_orders(sees, tenant_id) == 1


async def test_a_quote_deleted_since_it_was_made_is_not_there(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await sees.execute(
        "DELETE FROM orders.quotes WHERE quote_id = $1", from_id("quo", quote.quote_id)
    )
    refused = await failure(client.place(owner, quote.quote_id, key="k"))
    assert refused.reason == "QUOTE_NOT_FOUND"
    assert await count_orders(sees, tenant_id) == 0
    # Nor is its key taken.
    again = await client.quote(owner)
    _, is_replayed = await client.place(owner, again.quote_id, key="k")
    assert not is_replayed


async def test_what_is_remembered_is_not_there_for_anyone_else(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    for stranger in (guest(tenant_id), guest(await client.open_tenant())):
        refused = await failure(client.place(stranger, quote.quote_id))
        assert refused.reason == "QUOTE_NOT_FOUND"
    order, is_replayed = await client.place(owner, quote.quote_id)
    assert not is_replayed
    assert order.principal_id == owner.principal_id


async def test_a_key_that_came_before_says_so_whatever_else_is_wrong(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    first, second = [await client.quote(owner) for _ in range(2)]
    await client.place(owner, first.quote_id, key="k")
    refused = await failure(
        client.place(owner, second.quote_id, key="k", quote_signature=first.signature)
    )
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_an_order_that_was_called_off_while_it_waited_is_placed_when_asked_for_again(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    await sees.execute(
        "INSERT INTO orders.stock (tenant_id, product_id, count) VALUES ($1, 'latte', 1)", tenant_id
    )
    quote = await client.quote(owner)
    async with sees.transaction():
        await sees.execute("SELECT FROM orders.stock WHERE tenant_id = $1 FOR UPDATE", tenant_id)
        call = asyncio.create_task(client.place(owner, quote.quote_id, key="k"))
        await eventually(lambda: _waits(sees))
        call.cancel()
        await asyncio.wait([call])
    order, _ = await client.place(owner, quote.quote_id, key="k")
    again, is_replayed = await client.place(owner, quote.quote_id)
    assert is_replayed
    assert again == order
    assert await count_orders(sees, tenant_id) == 1


async def _waits(sees: Connection) -> bool:
    """Whether an order waits for what this connection's transaction holds."""
    waiting: bool = await sees.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
        " AND transactionid = pg_current_xact_id_if_assigned()::xid)"
    )
    return waiting
