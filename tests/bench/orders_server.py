"""OrderService in a process of its own: `ours`, or `bare`: a handler that runs the same function.

The bare one verifies nothing, reads nothing and renders nothing: it hands constant bytes to
`orders.place_order_v3` and answers with them. Prints its port, serves until its standard input
ends.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import grpc
import uvloop
from maitred.orders.v1 import order_service_pb2

from services.chassis.data.idempotency import fingerprint
from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Queries
from services.chassis.run.lifecycle import Target
from services.chassis.run.telemetry import configure_logging
from services.orders.config import OrdersConfig
from services.orders.orders.convert import to_new_order
from services.orders.wiring import build
from tests.bench.orders_menu import SECRET, TENANT, placed_event, placed_order
from tests.bench.processes import end_of_input, serve

ANY_PORT = "127.0.0.1:0"
POOL = 8


class BareOrders:
    """Places what it is told, every order the same."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._sql = Queries.load("services.orders.orders").place_order
        order = placed_order()
        self._event = placed_event()
        self._order = to_new_order(
            order, order_id=UUID(int=1), quote_id=UUID(int=1), now=datetime.now(UTC)
        )
        self._answer = order_service_pb2.PlaceOrderResponse(order=order)

    def handlers(self) -> Any:
        """As generated code makes them."""
        place: Any = self.place
        handler = grpc.unary_unary_rpc_method_handler(
            place,
            order_service_pb2.PlaceOrderRequest.FromString,
            order_service_pb2.PlaceOrderResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(
            "maitred.orders.v1.OrderService", {"PlaceOrder": handler}
        )

    async def place(
        self, request: order_service_pb2.PlaceOrderRequest, _context: Any
    ) -> order_service_pb2.PlaceOrderResponse:
        order, event = self._order, self._event
        async with self._pool.acquire() as connection:
            await connection.fetchrow(
                self._sql,
                *(TENANT, "gst_1", request.request_id, fingerprint(b""), uuid4()),
                *(from_id("quo", request.quote_id), order.owner, None),
                *(order.subtotal_minor, order.total_minor, order.currency_code),
                *(order.placed, order.create_time),
                [line.product_id for line in order.lines],
                [line.quantity for line in order.lines],
                [line.unit_price_minor for line in order.lines],
                [line.total_minor for line in order.lines],
                *([], [], None, (), [], [], ()),
                *(0, event.event_id, event.type, event.aggregate_id, event.payload),
            )
        return self._answer


async def keep(_connection: object) -> None:
    """A pool's reset that resets nothing, as ours."""


@asynccontextmanager
async def bare(database_url: str) -> AsyncIterator[int]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=POOL, reset=keep) as pool:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((BareOrders(pool).handlers(),))
        port = server.add_insecure_port(ANY_PORT)
        await server.start()
        yield port
        await server.stop(0)


async def serve_bare(database_url: str) -> None:
    async with bare(database_url) as port:
        print(port, flush=True)
        await end_of_input()


async def serve_ours(database_url: str, public_pem: str, admin_port: str) -> None:
    config = OrdersConfig(
        listen=ANY_PORT,
        admin_listen=f"127.0.0.1:{admin_port}",
        database_url=database_url,
        database_pool=POOL,
        mesh_public_keys=public_pem,
        page_token_key=SECRET,
        drain_delay_s=0.0,
    )
    await serve(Target("orders", config, build), lambda bound: bound.grpc["orders"])


async def main(kind: str, *arguments: str) -> None:
    configure_logging("warning")
    await (serve_bare(*arguments) if kind == "bare" else serve_ours(*arguments))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
