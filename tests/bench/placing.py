"""Orders placed through the whole service against a bare handler running the same SQL function."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import grpc
import httpx
from maitred.orders.v1 import order_service_pb2, order_service_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from services.chassis.data.ids import to_id
from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from services.orders.quotes.convert import terms_of
from services.orders.quotes.signing import QuoteSigner
from tests.bench.databases import store
from tests.bench.orders_menu import SECRET, TENANT, priced_cart
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.ports import free_port

ORDERS = 600
AT_ONCE = 16
# Of the bench, in seconds: a token lives as long.
LONGEST_S = 240
GUEST = Principal(TENANT, "gst_1", frozenset({Role.GUEST}))
MakeQuotes = Callable[[], Awaitable[Sequence[UUID]]]


async def rows() -> Sequence[Row]:
    """Orders a second, and the server's CPU time for each."""
    key = new_key()
    token = MeshSigner(key.private_pem, key.kid).mint(GUEST, LONGEST_S)
    metadata = (("authorization", f"Bearer {token}"),)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(store())
        own_url = one.database.service_url("orders")
        admin = free_port()
        ports = {
            "bare": await stack.enter_async_context(served("orders_server", "bare", own_url)),
            "ours": await stack.enter_async_context(
                served("orders_server", "ours", own_url, key.public_pem, str(admin))
            ),
        }
        connection = await asyncpg.connect(one.database.url)
        stack.push_async_callback(connection.close)
        rates = {}
        for kind, port in ports.items():
            channel = await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            )
            rates[kind] = _rate(
                channel, metadata, lambda: make_quotes(connection, GUEST, ORDERS, SECRET)
            )
        cpu_before = await _cpu_seconds(admin)
        found = await interleaved(rates)
        cpu = await _cpu_seconds(admin) - cpu_before
        # Both have placed the same number.
        placed = await connection.fetchval("SELECT count(*) / 2 FROM orders.orders")
    return [
        Row(
            "orders placed, two lines",
            f"{found['ours']:,.0f}/s",
            f"{found['bare']:,.0f}/s",
            found["ours"] / found["bare"],
            0.6,
            note=f"{cpu / placed * 1e6:,.0f} µs of the service's CPU an order",
            why="ours reads the quote in a round trip of its own and tells the relay",
        )
    ]


def _rate(
    channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...], new_quotes: MakeQuotes
) -> Callable[[], Awaitable[float]]:
    stub = order_service_pb2_grpc.OrderServiceStub(channel)

    async def place(quotes: Sequence[UUID]) -> None:
        for quote_id in quotes:
            request = order_service_pb2.PlaceOrderRequest(
                quote_id=to_id("quo", quote_id), request_id=quote_id.hex
            )
            await stub.PlaceOrder(request, metadata=metadata, timeout=30)

    async def rate() -> float:
        quotes = await new_quotes()
        began = time.perf_counter()
        await asyncio.gather(*(place(quotes[n::AT_ONCE]) for n in range(AT_ONCE)))
        return len(quotes) / (time.perf_counter() - began)

    return rate


async def make_quotes(
    connection: "asyncpg.Connection[asyncpg.Record]", owner: Principal, count: int, secret: str
) -> Sequence[UUID]:
    """Quotes of the same cart, signed with the service's secret, ready for their owner."""
    ids = [uuid4() for _ in range(count)]
    cart, signer = priced_cart(), QuoteSigner([secret])
    document, expire_time = cart.SerializeToString(), datetime.now(UTC) + timedelta(hours=1)
    signatures = [
        signer.sign(
            terms_of(
                cart,
                document,
                tenant_id=owner.tenant_id,
                quote_id=quote_id,
                principal_id=owner.principal_id,
                expire_time=expire_time,
            )
        )
        for quote_id in ids
    ]
    await connection.execute(
        "INSERT INTO orders.quotes"
        " (tenant_id, quote_id, principal_id, cart, create_time, expire_time, signature)"
        " SELECT $1, quote_id, $2, $3, now(), $4, signature"
        " FROM unnest($5::uuid[], $6::bytea[]) AS quote (quote_id, signature)",
        *(owner.tenant_id, owner.principal_id, document, expire_time, ids, signatures),
    )
    return ids


async def _cpu_seconds(admin_port: int) -> float:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{admin_port}/metrics")
    return next(
        sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name == "process_cpu_seconds_total"
    )
