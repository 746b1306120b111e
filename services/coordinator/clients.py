"""Orders, as the tools need it, over gRPC and in the caller's name."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import grpc
from google.protobuf.json_format import MessageToDict
from maitred.orders.v1 import (
    cart_pb2,
    cart_service_pb2,
    cart_service_pb2_grpc,
    catalog_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    order_service_pb2,
    order_service_pb2_grpc,
    quote_service_pb2,
    quote_service_pb2_grpc,
)

from services.chassis.rpc.errors import Failure, from_rpc_error
from services.coordinator import convert
from services.coordinator.sessions.cart import Cart, Focus
from services.coordinator.sessions.turn import PlacedOrder
from services.coordinator.tools.ports import (
    CartRejected,
    CodeRefusal,
    Menu,
    Origin,
    Promoted,
    PromotionUsedUp,
    Quote,
    QuoteExpired,
    Reading,
    SoldOut,
)

_MATCHES = 8
_LONGEST_QUERY = 200
# As many tenants' as are talked of at a time.
_MOST_MENUS = 32

Response = TypeVar("Response")


class OrdersClient:
    """`tools.ports.Orders` on a channel to orders. What it does not expect it raises as Failure."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._carts = cart_service_pb2_grpc.CartServiceStub(channel)
        self._catalog = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        self._quotes = quote_service_pb2_grpc.QuoteServiceStub(channel)
        self._orders = order_service_pb2_grpc.OrderServiceStub(channel)
        # The same catalog comes again and again.
        self._menu = lru_cache(_MOST_MENUS)(_menu)

    async def read(self, text: str, cart: Cart, focus: Focus) -> Reading:
        """As `Orders.read`."""
        request = cart_service_pb2.ParseCartRequest(
            text=text, cart=convert.asked_cart_message(cart), focus=convert.focus_message(focus)
        )
        response = await _answered(self._carts.ParseCart(request))
        return Reading(
            convert.cart_of(response.cart),
            convert.focus_of(response.focus),
            _report(response),
            {short.product_id: short.remaining for short in response.shortages},
        )

    async def menu(self, query: str) -> Menu:
        """As `Orders.menu`."""
        request = catalog_service_pb2.GetCatalogRequest(as_served=True)
        read = await _answered(self._catalog.GetCatalog(request))
        menu = self._menu(read.catalog.SerializeToString(deterministic=True))
        if not query:
            return menu
        search = catalog_service_pb2.SearchProductsRequest(
            query=query[:_LONGEST_QUERY], limit=_MATCHES
        )
        found = await _answered(self._catalog.SearchProducts(search))
        matches = {match.product.product_id for match in found.matches}
        products = [
            product
            for product in menu.document.get("products", ())
            if product["product_id"] in matches
        ]
        return _written({**menu.document, "products": products})

    async def quote(self, cart: Cart, request_id: str) -> Quote:
        """As `Orders.quote`."""
        request = quote_service_pb2.CreateQuoteRequest(
            cart=convert.asked_cart_message(cart), request_id=request_id
        )
        response = await _answered(self._quotes.CreateQuote(request))
        quote = response.quote
        return Quote(quote.quote_id, convert.cart_of(quote.cart), quote.order_id)

    async def apply(self, cart: Cart, codes: Sequence[str]) -> Promoted:
        """As `Orders.apply`."""
        request = cart_service_pb2.ApplyPromotionsRequest(
            cart=convert.cart_message(cart), codes=codes
        )
        response = await _answered(self._carts.ApplyPromotions(request))
        refusals = [CodeRefusal(refusal.code, refusal.reason) for refusal in response.refusals]
        return Promoted(convert.cart_of(response.cart), tuple(refusals))

    async def place(self, quote_id: str, request_id: str, origin: Origin) -> PlacedOrder:
        """As `Orders.place`."""
        request = order_service_pb2.PlaceOrderRequest(
            quote_id=quote_id,
            request_id=request_id,
            session_id=origin.session_id,
            decision_id=origin.decision_id,
            recommendation_ids=origin.recommendation_ids,
        )
        response = await _answered(self._orders.PlaceOrder(request))
        return convert.placed_order_of(response.order)

    async def find_order(self, quote_id: str) -> PlacedOrder | None:
        """As `Orders.find_order`."""
        request = quote_service_pb2.GetQuoteRequest(quote_id=quote_id)
        order_id = (await _answered(self._quotes.GetQuote(request))).quote.order_id
        if not order_id:
            return None
        get = order_service_pb2.GetOrderRequest(order_id=order_id)
        return convert.placed_order_of((await _answered(self._orders.GetOrder(get))).order)


def _menu(catalog: bytes) -> Menu:
    """A catalog, given as its contract's bytes."""
    message = catalog_pb2.Catalog.FromString(catalog)
    return _written(MessageToDict(message, preserving_proto_field_name=True))


def _written(document: dict[str, Any]) -> Menu:
    return Menu(document, json.dumps(document, ensure_ascii=False))


async def _answered(call: Awaitable[Response]) -> Response:
    """The response. Raises what orders refused in the tools' terms, anything else as Failure."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _refusal(from_rpc_error(error)) from error


def _refusal(failure: Failure) -> Exception:
    match failure.reason:
        case "NOT_AVAILABLE":
            return _sold_out(failure.metadata)
        case "CART_INVALID":
            return CartRejected(failure.message)
        case "QUOTE_EXPIRED" | "QUOTE_SIGNATURE_INVALID":
            return QuoteExpired(failure.message)
        case "PROMOTION_USED_UP":
            return PromotionUsedUp(failure.message)
        case _:
            return failure


def _sold_out(metadata: Mapping[str, str]) -> SoldOut:
    ids, counts = (metadata.get(name, "").split(",") for name in ("ids", "remaining"))
    left = {id_: int(count) for id_, count in zip(ids, counts, strict=False) if count.isdigit()}
    return SoldOut(
        frozenset(id_ for id_ in ids if not left.get(id_)),
        {id_: count for id_, count in left.items() if count},
    )


def _report(response: cart_service_pb2.ParseCartResponse) -> dict[str, Any]:
    return {
        "operations": [_operation(operation) for operation in response.operations],
        "unparsed": [span.text for span in response.unparsed],
        "confidence": response.confidence,
        "ambiguities": [
            {
                "phrase": ambiguity.phrase,
                "candidate_ids": list(ambiguity.candidate_ids),
                "candidate_names": list(ambiguity.candidate_names),
            }
            for ambiguity in response.ambiguities
        ],
        "refusals": [
            {
                "kind": cart_service_pb2.RefusalKind.Name(refusal.kind)
                .removeprefix("REFUSAL_KIND_")
                .lower(),
                "phrase": refusal.phrase,
                "id": refusal.id,
                "product_id": refusal.product_id,
                "served": refusal.served,
            }
            for refusal in response.refusals
        ],
    }


def _operation(operation: cart_service_pb2.CartOperation) -> dict[str, Any]:
    kind = operation.WhichOneof("operation") or ""
    match kind:
        case "add_line":
            return {"kind": kind, **_line(operation.add_line)}
        case "change_line":
            return {"kind": kind, **_line(operation.change_line)}
        case "remove_line":
            removed = operation.remove_line
            return {"kind": kind, "line_id": removed.line_id, "quantity": removed.quantity}
        case "set_order_choice":
            choice = operation.set_order_choice
            return {
                "kind": kind,
                "order_choice_id": choice.order_choice_id,
                "option_id": choice.option_id,
            }
        case _:
            return {"kind": kind}


def _line(line: cart_pb2.CartLine) -> dict[str, Any]:
    return {"line_id": line.line_id, "product_id": line.product_id, "quantity": line.quantity}
