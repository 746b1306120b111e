"""From an order's commit to a client of the event stream, against a poller of the orders' table.

Both are measured on the same orders, at half the rate at which the same mesh places them when
nobody holds it back. The clock starts when whoever placed the order is told so, which is one
answer's way after its commit.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median, quantiles
from uuid import UUID, uuid4

import asyncpg
import grpc
import httpx
from maitred.orders.v1 import order_service_pb2, order_service_pb2_grpc

from services.assembly.client import GatewayClient
from services.assembly.demo.access import DemoTenant
from services.assembly.local import PAGE_TOKEN_KEY, local_mesh_key
from services.chassis.data.ids import to_id
from services.chassis.rpc.identity import MeshSigner, Principal, Role
from tests.bench.placing import make_quotes
from tests.bench.table import Row
from tests.support.mesh import RunningMesh

FREE_ORDERS = 1_500
SECONDS = 4
ROUNDS = 4
AT_ONCE = 16
POLL_S = 0.1
PATIENCE_S = 30


async def row(mesh: RunningMesh) -> Row:
    """The 95th percentiles."""
    async with _opened(mesh) as bench:
        await bench.place_freely()
        rate = await bench.place_freely() / 2
        rounds = [await bench.place_at(rate) for _ in range(ROUNDS)]
    streams = [one.delays(one.streamed) for one in rounds]
    streamed = median(map(_p95, streams))
    polled = median(_p95(one.delays(one.polled)) for one in rounds)
    return Row(
        f"commit → SSE client, p95 at {rate:.0f} orders/s",
        f"{streamed * 1e3:.1f} ms",
        f"{polled * 1e3:.1f} ms",
        streamed / polled,
        0.15,
        at_most=True,
        note=f"half of what this mesh places; median {median(map(median, streams)) * 1e3:.1f} ms",
        why="six processes and this client take turns on the same cores",
    )


@dataclass(frozen=True, slots=True)
class Round:
    """When orders were placed and when two listeners heard of them, in seconds, by order."""

    placed: dict[str, float] = field(default_factory=dict)
    streamed: dict[str, float] = field(default_factory=dict)
    polled: dict[str, float] = field(default_factory=dict)

    def delays(self, heard: Mapping[str, float]) -> list[float]:
        """How long each order took to be heard of."""
        return [heard[order] - placed for order, placed in self.placed.items() if order in heard]


def _p95(delays: Sequence[float]) -> float:
    return quantiles(delays, n=20)[-1]


@asynccontextmanager
async def _opened(mesh: RunningMesh) -> AsyncIterator["_Bench"]:
    key = local_mesh_key(mesh.home)
    connection = await asyncpg.connect(mesh.record.database_url)
    try:
        async with (
            grpc.aio.insecure_channel(mesh.address("orders", "grpc")) as channel,
            httpx.AsyncClient(base_url=mesh.gateway_url) as http,
        ):
            yield _Bench(
                mesh.demo[0],
                MeshSigner(key.private_pem, key.kid),
                mesh.home.secret(PAGE_TOKEN_KEY),
                connection,
                channel,
                http,
            )
    finally:
        await connection.close()


class _Bench:
    def __init__(
        self,
        tenant: DemoTenant,
        signer: MeshSigner,
        secret: str,
        connection: "asyncpg.Connection[asyncpg.Record]",
        channel: grpc.aio.Channel,
        http: httpx.AsyncClient,
    ) -> None:
        self._tenant_id = UUID(tenant.tenant_id)
        self._guest = Principal(self._tenant_id, "gst_1", frozenset({Role.GUEST}))
        self._signer = signer
        self._secret = secret
        self._connection = connection
        self._orders = order_service_pb2_grpc.OrderServiceStub(channel)
        self._staff = GatewayClient(http, tenant.manager_key)

    async def place_freely(self) -> float:
        """Orders a second with nobody holding back."""
        quotes = await self._make_quotes(FREE_ORDERS)

        async def place(mine: Sequence[UUID]) -> None:
            for quote_id in mine:
                await self._place(quote_id)

        began = time.perf_counter()
        await asyncio.gather(*(place(quotes[n::AT_ONCE]) for n in range(AT_ONCE)))
        return len(quotes) / (time.perf_counter() - began)

    async def place_at(self, rate: float) -> Round:
        """Places at a steady rate, come what may, while both listen."""
        quotes = await self._make_quotes(round(rate * SECONDS))
        found = Round()
        polling = asyncio.create_task(self._poll(found.polled))
        listening = asyncio.create_task(self._listen(found.streamed, len(quotes)))
        # Both know where things stand before anything happens.
        await asyncio.sleep(2 * POLL_S)

        async def place(quote_id: UUID) -> None:
            order_id = await self._place(quote_id)
            found.placed[order_id] = time.perf_counter()

        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, quote_id in enumerate(quotes):
                await asyncio.sleep(began + number / rate - loop.time())
                group.create_task(place(quote_id))
        async with asyncio.timeout(PATIENCE_S):
            await listening
        await asyncio.sleep(2 * POLL_S)
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling
        return found

    async def _make_quotes(self, count: int) -> Sequence[UUID]:
        return await make_quotes(self._connection, self._guest, count, self._secret)

    async def _place(self, quote_id: UUID) -> str:
        metadata = (("authorization", f"Bearer {self._signer.mint(self._guest)}"),)
        answer = await self._orders.PlaceOrder(
            order_service_pb2.PlaceOrderRequest(
                quote_id=to_id("quo", quote_id), request_id=uuid4().hex
            ),
            metadata=metadata,
            timeout=PATIENCE_S,
        )
        return answer.order.order_id

    async def _listen(self, heard: dict[str, float], count: int) -> None:
        async for event in self._staff.events():
            if event.kind == "order":
                heard[event.data["data"]["order_id"]] = time.perf_counter()
            if len(heard) == count:
                return

    async def _poll(self, heard: dict[str, float]) -> None:
        last = await self._connection.fetchval(
            "SELECT order_id FROM orders.orders WHERE tenant_id = $1"
            " ORDER BY order_id DESC LIMIT 1",
            self._tenant_id,
        )
        while True:
            found = await self._connection.fetch(
                "SELECT order_id FROM orders.orders"
                " WHERE tenant_id = $1 AND order_id > $2 ORDER BY order_id",
                self._tenant_id,
                last,
            )
            now = time.perf_counter()
            heard.update((to_id("ord", one["order_id"]), now) for one in found)
            last = found[-1]["order_id"] if found else last
            await asyncio.sleep(POLL_S)
