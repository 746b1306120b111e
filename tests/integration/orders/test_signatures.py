"""A quote is placed only as it was signed."""

from uuid import UUID

import grpc
import pytest
from maitred.orders.v1 import quote_pb2, quote_service_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Principal
from tests.integration.orders.serving import OrdersClient, cart, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, guest, metadata


async def change(sees: Connection, quote: quote_pb2.Quote, assignment: str) -> None:
    """Changes a quote's row behind the service's back."""
    await sees.execute(
        f"UPDATE orders.quotes SET {assignment} WHERE quote_id = $1",
        from_id("quo", quote.quote_id),
    )


async def read(client: OrdersClient, owner: Principal, quote_id: str) -> quote_pb2.Quote:
    request = quote_service_pb2.GetQuoteRequest(quote_id=quote_id)
    return (await client.quotes.GetQuote(request, metadata=metadata(owner))).quote


async def test_a_quote_is_placed_by_the_signature_its_guest_saw(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote, other = await client.quote(owner), await client.quote(owner)
    assert quote.signature != other.signature
    assert len(quote.signature) == 43
    assert await read(client, owner, quote.quote_id) == quote
    refused = await failure(client.place(owner, quote.quote_id, quote_signature=other.signature))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "QUOTE_SIGNATURE_INVALID"
    assert refused.metadata == {"quote_id": quote.quote_id}
    order, _ = await client.place(owner, quote.quote_id, quote_signature=quote.signature)
    assert order.total_minor == quote.total_minor


@pytest.mark.parametrize(
    "assignment",
    [
        "expire_time = expire_time + interval '1 hour'",
        "signature = sha256(signature)",
        "cart = (SELECT min(cart) FROM orders.quotes o WHERE o.tenant_id = quotes.tenant_id)",
    ],
    ids=["a longer time", "another signature", "a cheaper cart"],
)
async def test_a_quote_changed_behind_our_back_is_refused_and_the_log_told(
    client: OrdersClient,
    tenant_id: UUID,
    sees: Connection,
    caplog: pytest.LogCaptureFixture,
    assignment: str,
) -> None:
    owner = guest(tenant_id)
    await client.quote(owner, cart("croissant"))
    quote = await client.quote(owner, cart("latte", "croissant", quantity=2))
    await change(sees, quote, assignment)
    refused = await failure(client.place(owner, quote.quote_id))
    assert refused.reason == "QUOTE_SIGNATURE_INVALID"
    (record,) = [one for one in caplog.records if one.name == "services.orders.orders.service"]
    assert record.levelname == "ERROR"
    assert record.quote_id == quote.quote_id  # type: ignore[attr-defined]


async def test_a_quote_of_the_release_before_has_no_signature_and_is_placed(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await change(sees, quote, "signature = NULL")
    assert not (await read(client, owner, quote.quote_id)).signature
    refused = await failure(client.place(owner, quote.quote_id, quote_signature=quote.signature))
    assert refused.reason == "QUOTE_SIGNATURE_INVALID"
    order, _ = await client.place(owner, quote.quote_id)
    assert order.total_minor == quote.total_minor


async def test_a_key_may_be_changed_while_quotes_are_open(database: MigratedDatabase) -> None:
    url = database.service_url("orders")
    quotes = []
    async with serving(url) as client:
        owner = guest(await client.open_tenant())
        quotes.append(await client.quote(owner))
    async with serving(url, quote_key="first") as client:
        quotes.append(await client.quote(owner))
        await client.place(owner, quotes[0].quote_id)
        quotes.append(await client.quote(owner))
    async with serving(url, quote_key="second", quote_key_before="first") as client:
        await client.place(owner, quotes[1].quote_id)
    async with serving(url, quote_key="second", quote_key_before="another") as client:
        refused = await failure(client.place(owner, quotes[2].quote_id))
    assert refused.reason == "QUOTE_SIGNATURE_INVALID"


async def test_what_was_ordered_is_answered_when_the_key_that_signed_is_gone(
    database: MigratedDatabase,
) -> None:
    url = database.service_url("orders")
    async with serving(url, quote_key="first") as client:
        owner = guest(await client.open_tenant())
        quote = await client.quote(owner)
        order, _ = await client.place(owner, quote.quote_id)
    async with serving(url, quote_key="second", quote_key_before="another") as client:
        client.clock.advance(hours=1)
        again, is_replayed = await client.place(
            owner, quote.quote_id, quote_signature=quote.signature
        )
    assert is_replayed
    assert again == order
