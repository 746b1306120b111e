"""An order is placed once: every rule of idempotent writes that is this service's."""

import asyncio
import json
from uuid import UUID

import grpc
from google.protobuf import json_format
from maitred.events.v1 import order_event_pb2
from maitred.orders.v1 import order_pb2, order_service_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.orders.serving import OrdersClient, cart, lasting
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, guest, is_replayed, metadata, with_role


async def count_orders(sees: Connection, tenant_id: UUID) -> int:
    count: int = await sees.fetchval(
        "SELECT count(*) FROM orders.orders WHERE tenant_id = $1", tenant_id
    )
    return count


async def payloads(sees: Connection, tenant_id: UUID) -> list[bytes]:
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox"
        " WHERE tenant_id = $1 AND type = 'maitred.order.v1' ORDER BY id",
        tenant_id,
    )
    return [row["payload"] for row in rows]


async def until_somebody_waits(sees: Connection) -> None:
    """Returns once a transaction waits for another's lock."""
    async with asyncio.timeout(5):
        while not await sees.fetchval(  # noqa: ASYNC110 - Postgres tells nobody
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        ):
            await asyncio.sleep(0.01)


async def test_an_order_says_what_its_quote_said(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner, cart("latte", "croissant", quantity=2))
    order, replayed = await client.place(owner, quote.quote_id, session_id="ses_" + "a" * 32)
    assert not replayed
    assert order.status == order_pb2.ORDER_STATUS_PLACED
    assert order.principal_id == owner.principal_id
    assert list(order.lines) == list(quote.cart.lines)
    assert list(order.order_choices) == list(quote.cart.order_choices)
    assert (order.total_minor, order.currency_code) == (quote.total_minor, "EUR")
    assert (order.quote_id, order.version) == (quote.quote_id, 1)
    assert order.session_id == "ses_" + "a" * 32
    assert lasting(await client.get(owner, order.order_id)) == lasting(order)


async def test_a_hundred_identical_requests_place_one_order(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    calls = [client.place(owner, quote.quote_id, key="same") for _ in range(100)]
    answers = await asyncio.gather(*calls)
    assert len({order.SerializeToString(deterministic=True) for order, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False] + [True] * 99
    assert await count_orders(sees, tenant_id) == 1
    assert len(await payloads(sees, tenant_id)) == 1


async def test_a_hundred_keys_for_one_quote_place_one_order(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    answers = await asyncio.gather(*[client.place(owner, quote.quote_id) for _ in range(100)])
    assert len({order.SerializeToString(deterministic=True) for order, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    assert await count_orders(sees, tenant_id) == 1
    assert len(await payloads(sees, tenant_id)) == 1


async def test_a_replayed_key_returns_the_first_answer_though_the_order_moved(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    first, _ = await client.place(owner, quote.quote_id, key="k")
    await client.move(
        with_role(tenant_id, Role.STAFF), first.order_id, order_pb2.ORDER_STATUS_ACCEPTED
    )
    assert await client.place(owner, quote.quote_id, key="k") == (first, True)


async def test_a_replayed_key_outlives_its_quote(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    first, _ = await client.place(owner, quote.quote_id, key="k")
    client.clock.advance(hours=1)
    assert await client.place(owner, quote.quote_id, key="k") == (first, True)
    assert await client.place(owner, quote.quote_id, key="another") == (first, True)


async def test_a_key_with_another_body_is_refused(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote, other = await client.quote(owner), await client.quote(owner)
    await client.place(owner, quote.quote_id, key="k")
    refused = await failure(client.place(owner, other.quote_id, key="k"))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_twins_with_other_bodies_place_one_order_and_refuse_one(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quotes = [await client.quote(owner) for _ in range(2)]
    results = await asyncio.gather(
        *[client.place(owner, quote.quote_id, key="k") for quote in quotes],
        return_exceptions=True,
    )
    assert sum(isinstance(result, grpc.aio.AioRpcError) for result in results) == 1
    assert await count_orders(sees, tenant_id) == 1


async def test_a_second_confirm_under_any_key_returns_the_first_order(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    first, _ = await client.place(owner, quote.quote_id)
    assert await client.place(owner, quote.quote_id) == (first, True)
    for role in (Role.STAFF, Role.MANAGER, Role.SERVICE):
        acting = with_role(tenant_id, role)
        again, replayed = await client.place(acting, quote.quote_id)
        assert replayed
        assert lasting(again) == lasting(first)


async def test_the_key_of_a_second_confirm_stands_for_its_body(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote, other = await client.quote(owner), await client.quote(owner)
    first, _ = await client.place(owner, quote.quote_id)
    await client.place(owner, quote.quote_id, key="second")
    assert await client.place(owner, quote.quote_id, key="second") == (first, True)
    refused = await failure(client.place(owner, other.quote_id, key="second"))
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_staff_may_place_for_the_owner(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    order, replayed = await client.place(with_role(tenant_id, Role.STAFF), quote.quote_id)
    assert not replayed
    assert order.principal_id == owner.principal_id
    assert lasting(await client.get(owner, order.order_id)) == lasting(order)


async def test_a_quote_is_not_there_for_anyone_else(client: OrdersClient, tenant_id: UUID) -> None:
    owner, stranger = guest(tenant_id), guest(tenant_id)
    elsewhere = with_role(await client.open_tenant(), Role.STAFF)
    quote = await client.quote(owner)
    for other in (stranger, elsewhere):
        refused = await failure(client.place(other, quote.quote_id))
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "QUOTE_NOT_FOUND")
    await client.place(owner, quote.quote_id)
    for other in (stranger, elsewhere):
        assert (await failure(client.place(other, quote.quote_id))).reason == "QUOTE_NOT_FOUND"


async def test_the_same_key_of_another_guest_is_another_key(
    client: OrdersClient, tenant_id: UUID
) -> None:
    orders = set()
    for owner in (guest(tenant_id), guest(tenant_id)):
        quote = await client.quote(owner)
        order, replayed = await client.place(owner, quote.quote_id, key="k")
        assert not replayed
        orders.add((order.order_id, order.transaction_id))
    assert len({order_id for order_id, _ in orders}) == 2
    assert len({transaction for _, transaction in orders}) == 2


async def test_a_refusal_is_not_stored(client: OrdersClient, tenant_id: UUID) -> None:
    owner, stranger = guest(tenant_id), guest(tenant_id)
    quote = await client.quote(owner)
    own = await client.quote(stranger)
    await failure(client.place(stranger, quote.quote_id, key="k"))
    order, replayed = await client.place(stranger, own.quote_id, key="k")
    assert not replayed
    assert order.quote_id == own.quote_id


async def test_a_key_is_needed(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    refused = await failure(
        client.orders.PlaceOrder(
            order_service_pb2.PlaceOrderRequest(quote_id=quote.quote_id), metadata=metadata(owner)
        )
    )
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields[0].field == "request_id"


async def test_an_expired_quote_is_refused(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    client.clock.advance(minutes=11)
    refused = await failure(client.place(owner, quote.quote_id))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "QUOTE_EXPIRED"
    assert refused.metadata["quote_id"] == quote.quote_id


async def test_a_key_is_free_again_after_a_day(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    first, _ = await client.place(owner, (await client.quote(owner)).quote_id, key="k")
    client.clock.advance(hours=24, seconds=1)
    second, replayed = await client.place(owner, (await client.quote(owner)).quote_id, key="k")
    assert not replayed
    assert second.order_id != first.order_id


async def test_a_twin_that_waits_too_long_is_told_to_come_back(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    async with sees.transaction():
        await sees.execute(
            "INSERT INTO orders.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
            " answer, create_time, expire_time)"
            " VALUES ($1, $2, 'PlaceOrder', 'k', '', '', now(), now() + interval '1 day')",
            tenant_id,
            owner.principal_id,
        )
        refused = await failure(client.place(owner, quote.quote_id, key="k"))
        await sees.execute("DELETE FROM orders.idempotency_keys WHERE tenant_id = $1", tenant_id)
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "REQUEST_IN_PROGRESS")
    assert refused.retry_after == 1.0
    _, replayed = await client.place(owner, quote.quote_id, key="k")
    assert not replayed


async def test_a_twin_whose_first_failed_places_the_order(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    failing = sees.transaction()
    await failing.start()
    await sees.execute(
        "INSERT INTO orders.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
        " answer, create_time, expire_time)"
        " VALUES ($1, $2, 'PlaceOrder', 'k', '', '', now(), now() + interval '1 day')",
        tenant_id,
        owner.principal_id,
    )
    twin = asyncio.create_task(client.place(owner, quote.quote_id, key="k"))
    await until_somebody_waits(sees)
    await failing.rollback()
    _, replayed = await twin
    assert not replayed


async def test_an_order_its_lines_and_its_event_are_written_together(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner, cart("latte", "croissant", quantity=2))
    lines = await sees.fetch(
        "SELECT product_id, quantity, unit_price_minor, total_minor FROM orders.order_lines"
        " WHERE tenant_id = $1 AND order_id = $2 ORDER BY position",
        tenant_id,
        from_id("ord", order.order_id),
    )
    assert [tuple(line) for line in lines] == [
        (line.product_id, line.quantity, line.unit_price_minor, line.total_minor)
        for line in order.lines
    ]
    (payload,) = await payloads(sees, tenant_id)
    event = json.loads(payload)
    assert event["type"] == "maitred.order.v1"
    assert event["subject"] == order.order_id
    assert event["id"].startswith("evt_")
    data = json_format.ParseDict(event["data"], order_event_pb2.OrderV1())
    assert (data.order_id, data.status, data.version) == (order.order_id, "placed", 1)
    assert data.principal_id == owner.principal_id
    assert data.transaction_id == order.transaction_id
    assert data.totals.total_minor == order.total_minor


async def test_orders_are_placed_with_a_failing_event_not_at_all(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await sees.execute("REVOKE INSERT ON events.outbox FROM maitred_producer")
    try:
        refused = await failure(client.place(owner, quote.quote_id, key="k"))
    finally:
        await sees.execute("GRANT INSERT ON events.outbox TO maitred_producer")
    assert refused.code is grpc.StatusCode.INTERNAL
    assert await count_orders(sees, tenant_id) == 0
    _, replayed = await client.place(owner, quote.quote_id, key="k")
    assert not replayed


async def test_only_what_is_replayed_says_so(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    request = order_service_pb2.PlaceOrderRequest(quote_id=quote.quote_id, request_id="k")
    said = []
    for _ in range(2):
        call = client.orders.PlaceOrder(request, metadata=metadata(owner))
        await call
        said.append(await is_replayed(call))
    assert said == [False, True]


async def test_a_process_without_redis_places_orders(
    client: OrdersClient, database: MigratedDatabase, tenant_id: UUID
) -> None:
    """This service was started with a database and nothing else."""
    order = await client.order(guest(tenant_id))
    assert order.order_id


async def test_a_key_is_printable(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    for key in ("a\x00b", "clé", "line\n"):
        refused = await failure(client.place(owner, quote.quote_id, key=key))
        assert refused.reason == "INVALID_FIELD"
