"""Orders placed through the whole service against a bare handler running the same SQL function.

Ours are of quotes that the same process made, as where one replica serves, and of quotes that it
has to read, as another one made them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import grpc
import httpx
from maitred.orders.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    order_service_pb2,
    order_service_pb2_grpc,
    quote_service_pb2,
    quote_service_pb2_grpc,
)
from prometheus_client.parser import text_string_to_metric_families

from services.chassis.data.ids import from_id, to_id
from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from services.orders.quotes.convert import terms_of
from services.orders.quotes.signing import QuoteSigner
from tests.bench.databases import store
from tests.bench.orders_menu import SECRET, TENANT, menu, priced_cart, wanted_cart
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.ports import free_port

ORDERS = 600
AT_ONCE = 16
# Of the bench, in seconds: a token lives as long.
LONGEST_S = 240
GUEST = Principal(TENANT, "gst_1", frozenset({Role.GUEST}))
MANAGER = Principal(TENANT, "key_1", frozenset({Role.MANAGER}))
Metadata = tuple[tuple[str, str], ...]
Place = Callable[[Sequence[UUID]], Awaitable[float]]


async def rows() -> Sequence[Row]:
    """Orders a second, and the server's CPU time for each."""
    key = new_key()
    signer = MeshSigner(key.private_pem, key.kid)
    guest, manager = (_metadata(signer.mint(one, LONGEST_S)) for one in (GUEST, MANAGER))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one = await enter(store())
        own_url = one.database.service_url("orders")
        admin = free_port()
        ports = [
            await enter(served("orders_server", "bare", own_url)),
            await enter(served("orders_server", "ours", own_url, key.public_pem, str(admin))),
        ]
        bare, ours = [await enter(grpc.aio.insecure_channel(f"127.0.0.1:{port}")) for port in ports]
        await catalog_service_pb2_grpc.CatalogServiceStub(ours).ImportProducts(
            catalog_service_pb2.ImportProductsRequest(catalog=menu()), metadata=manager
        )
        connection = await asyncpg.connect(one.database.url)
        stack.push_async_callback(connection.close)

        async def insert() -> Sequence[UUID]:
            return await make_quotes(connection, GUEST, ORDERS, SECRET)

        place_bare, place_ours = _place(bare, guest), _place(ours, guest)
        made, read = _Spent(admin), _Spent(admin)

        async def rate_bare() -> float:
            return await place_bare(await insert())

        async def rate_made() -> float:
            return await made.during(place_ours, await _ask_for_quotes(ours, guest, ORDERS))

        async def rate_read() -> float:
            return await read.during(place_ours, await insert())

        found = await interleaved({"bare": rate_bare, "made": rate_made, "read": rate_read})
    return [
        _row("orders placed, two lines, quoted here", found["made"], found["bare"], made),
        _row("orders placed, quoted by another replica", found["read"], found["bare"], read),
    ]


class _Spent:
    """What a server spends on orders, by what it tells at its admin port."""

    def __init__(self, admin_port: int) -> None:
        self._admin_port = admin_port
        self._cpu_s = 0.0
        self._orders = 0

    @property
    def us_an_order(self) -> float:
        return self._cpu_s / self._orders * 1e6

    async def during(self, place: Place, quotes: Sequence[UUID]) -> float:
        """The rate at which it places them."""
        before = await _cpu_seconds(self._admin_port)
        rate = await place(quotes)
        self._cpu_s += await _cpu_seconds(self._admin_port) - before
        self._orders += len(quotes)
        return rate


def _row(what: str, ours: float, bare: float, spent: _Spent) -> Row:
    return Row(
        what,
        f"{ours:,.0f}/s",
        f"{bare:,.0f}/s",
        ours / bare,
        0.6,
        note=f"{spent.us_an_order:,.0f} µs of the service's CPU an order",
        why="ours verifies, renders, and tells the relay",
    )


def _metadata(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


def _place(channel: grpc.aio.Channel, metadata: Metadata) -> Place:
    stub = order_service_pb2_grpc.OrderServiceStub(channel)

    async def place(quotes: Sequence[UUID]) -> None:
        for quote_id in quotes:
            request = order_service_pb2.PlaceOrderRequest(
                quote_id=to_id("quo", quote_id), request_id=quote_id.hex
            )
            await stub.PlaceOrder(request, metadata=metadata, timeout=30)

    async def rate(quotes: Sequence[UUID]) -> float:
        began = time.perf_counter()
        await asyncio.gather(*(place(quotes[n::AT_ONCE]) for n in range(AT_ONCE)))
        return len(quotes) / (time.perf_counter() - began)

    return rate


async def _ask_for_quotes(
    channel: grpc.aio.Channel, metadata: Metadata, count: int
) -> Sequence[UUID]:
    """Quotes as a guest gets them: the service makes them."""
    stub = quote_service_pb2_grpc.QuoteServiceStub(channel)
    request = quote_service_pb2.CreateQuoteRequest(cart=wanted_cart())
    made = []
    for start in range(0, count, AT_ONCE):
        calls = [
            stub.CreateQuote(request, metadata=metadata, timeout=30)
            for _ in range(start, min(start + AT_ONCE, count))
        ]
        made += [from_id("quo", (await call).quote.quote_id) for call in calls]
    return made


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
