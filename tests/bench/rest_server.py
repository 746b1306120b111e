"""What the edge is measured with, each in a process of its own.

`upstream` is a QuoteService that answers every call with the same quote. `ours` is the gateway in
front of it, with keys, limits, metrics and its access log. `bare` is Starlette with a codec written
by hand for this one method, which knows nobody and limits nothing. Each prints its port and serves
until its standard input ends.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from maitred.orders.v1 import cart_pb2, quote_pb2, quote_service_pb2, quote_service_pb2_grpc
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config import GatewayConfig
from gateway.wiring import build
from services.chassis.data.ids import to_id
from services.chassis.run.lifecycle import Target
from services.chassis.run.telemetry import configure_logging
from tests.bench.orders_menu import TENANT, priced_cart
from tests.bench.processes import end_of_input, serve, serve_app

ANY_PORT = "127.0.0.1:0"


class ConstantQuotes:
    """Quotes everything as the same two lines."""

    def __init__(self) -> None:
        cart = priced_cart()
        now = Timestamp(seconds=1_800_000_000)
        self._quote = quote_pb2.Quote(
            quote_id=to_id("quo", TENANT),
            principal_id="gst_1",
            cart=cart,
            total_minor=cart.total_minor,
            currency_code=cart.currency_code,
            create_time=now,
            expire_time=now,
        )

    def handlers(self) -> Any:
        """As generated code makes them."""
        create: Any = self.create
        handler = grpc.unary_unary_rpc_method_handler(
            create,
            quote_service_pb2.CreateQuoteRequest.FromString,
            quote_service_pb2.CreateQuoteResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(
            "maitred.orders.v1.QuoteService", {"CreateQuote": handler}
        )

    async def create(self, _request: Any, _context: Any) -> quote_service_pb2.CreateQuoteResponse:
        return quote_service_pb2.CreateQuoteResponse(quote=self._quote)


async def serve_upstream() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((ConstantQuotes().handlers(),))
    port = server.add_insecure_port(ANY_PORT)
    await server.start()
    print(port, flush=True)
    await end_of_input()
    await server.stop(0)


def read_cart(value: dict[str, Any]) -> cart_pb2.Cart:
    """The cart of a request, field by field."""
    return cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(
                product_id=line["product_id"],
                quantity=line["quantity"],
                note=line.get("note", ""),
                options=[
                    cart_pb2.OptionSelection(
                        option_group_id=option["option_group_id"], option_id=option["option_id"]
                    )
                    for option in line.get("options", ())
                ],
            )
            for line in value["lines"]
        ]
    )


def write_quote(quote: quote_pb2.Quote) -> dict[str, Any]:
    """A quote as JSON, field by field."""
    return {
        "quote_id": quote.quote_id,
        "principal_id": quote.principal_id,
        "cart": write_cart(quote.cart),
        "total_minor": str(quote.total_minor),
        "currency_code": quote.currency_code,
        "create_time": quote.create_time.ToJsonString(),
        "expire_time": quote.expire_time.ToJsonString(),
        "order_id": quote.order_id,
    }


def write_cart(cart: cart_pb2.Cart) -> dict[str, Any]:
    return {
        "lines": [write_line(line) for line in cart.lines],
        "order_choices": [
            {
                "order_choice_id": choice.order_choice_id,
                "option_id": choice.option_id,
                "option_name": choice.option_name,
                "is_default": choice.is_default,
                "price_delta_minor": str(choice.price_delta_minor),
            }
            for choice in cart.order_choices
        ],
        "total_minor": str(cart.total_minor),
        "currency_code": cart.currency_code,
    }


def write_line(line: cart_pb2.CartLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "product_id": line.product_id,
        "product_name": line.product_name,
        "quantity": line.quantity,
        "options": [write_option(option) for option in line.options],
        "add_ons": [
            {
                "add_on_id": add_on.add_on_id,
                "add_on_name": add_on.add_on_name,
                "quantity": add_on.quantity,
                "price_minor": str(add_on.price_minor),
            }
            for add_on in line.add_ons
        ],
        "note": line.note,
        "unit_price_minor": str(line.unit_price_minor),
        "total_minor": str(line.total_minor),
    }


def write_option(option: cart_pb2.OptionSelection) -> dict[str, Any]:
    written: dict[str, Any] = {
        "option_group_id": option.option_group_id,
        "option_id": option.option_id,
        "option_name": option.option_name,
        "is_default": option.is_default,
        "price_delta_minor": str(option.price_delta_minor),
    }
    if option.HasField("quantity"):
        written["quantity"] = option.quantity
    return written


def bare(upstream: str) -> Starlette:
    """The same method without any of what the gateway does beside it."""
    stub = quote_service_pb2_grpc.QuoteServiceStub(grpc.aio.insecure_channel(upstream))

    async def create(request: Request) -> Response:
        body = json.loads(await request.body())
        answer = await stub.CreateQuote(
            quote_service_pb2.CreateQuoteRequest(
                cart=read_cart(body["cart"]), request_id=body.get("request_id", "")
            ),
            timeout=10,
        )
        text = json.dumps(write_quote(answer.quote), ensure_ascii=False, separators=(",", ":"))
        return Response(text, media_type="application/json")

    return Starlette(routes=[Route("/api/v1/quotes", create, methods=["POST"])])


async def serve_ours(
    upstream: str, database_url: str, redis_url: str, private_pem: str, public_pem: str, rpc: str
) -> None:
    config = GatewayConfig(
        http_listen=ANY_PORT,
        listen=f"127.0.0.1:{rpc}",
        admin_listen=ANY_PORT,
        orders_address=f"ipv4:{upstream}",
        gateway_address=f"ipv4:127.0.0.1:{rpc}",
        database_url=database_url,
        redis_url=redis_url,
        mesh_private_key=private_pem,
        mesh_public_keys=public_pem,
        page_token_key="bench",
        drain_delay_s=0.0,
        most_connections_of_one=20_000,
    )
    await serve(Target("gateway", config, build), lambda bound: bound.http["gateway"])


async def main(kind: str, *arguments: str) -> None:
    configure_logging("warning")
    match kind:
        case "upstream":
            await serve_upstream()
        case "bare":
            await serve_app(bare(*arguments))
        case _:
            await serve_ours(*arguments)


if __name__ == "__main__":
    # The access log is written, and read by nobody.
    with open("/dev/null", "w", encoding="utf-8") as sys.stderr:  # noqa: PTH123
        uvloop.run(main(*sys.argv[1:]))
