"""maitred.orders.v1.CartService."""

from typing import Any

import grpc
from maitred.orders.v1 import cart_service_pb2, cart_service_pb2_grpc

from services.chassis.rpc.call import current
from services.chassis.rpc.server import ServicerBinding
from services.orders.carts.convert import cart_invalid, from_reading, to_cart, to_focus
from services.orders.carts.fitting import CartDoesNotFit, check
from services.orders.carts.limits import read
from services.orders.carts.operations import apply
from services.orders.carts.parsing import CartParser
from services.orders.carts.pricing import price
from services.orders.catalog.editions import PerEdition
from services.orders.catalog.ports import CurrentCatalog

Context = grpc.aio.ServicerContext[Any, Any]


class CartService(cart_service_pb2_grpc.CartServiceServicer):
    """Reads words as changes to a cart."""

    def __init__(self, catalog: CurrentCatalog) -> None:
        self._catalog = catalog
        self._parsers = PerEdition(lambda edition: CartParser(edition.catalog))

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.CartService",
            cart_service_pb2_grpc.add_CartServiceServicer_to_server,
            self,
        )

    async def ParseCart(
        self, request: cart_service_pb2.ParseCartRequest, context: Context
    ) -> cart_service_pb2.ParseCartResponse:
        edition = await self._catalog(current().principal.tenant_id)
        cart = to_cart(request.cart)
        try:
            check(cart, edition.catalog)
        except CartDoesNotFit as misfit:
            raise cart_invalid(misfit) from misfit
        parser, focus = self._parsers.of(edition), to_focus(request.focus)
        reading = read(parser, edition.catalog, request.text, cart, focus)
        changed = apply(cart, reading.operations)
        return from_reading(reading, price(changed, edition.catalog), edition.catalog)
