"""maitred.orders.v1.CartService."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import grpc
from maitred.orders.v1 import cart_pb2, cart_service_pb2, cart_service_pb2_grpc

from services.chassis.rpc.call import current
from services.chassis.rpc.server import ServicerBinding
from services.orders.carts.cart import Cart
from services.orders.carts.convert import (
    cart_invalid,
    from_cart,
    from_code_refusal,
    from_reading,
    to_cart,
    to_focus,
)
from services.orders.carts.fitting import CartDoesNotFit, check, quantities
from services.orders.carts.limits import read
from services.orders.carts.operations import apply
from services.orders.carts.parsing import CartParser
from services.orders.carts.pricing import price
from services.orders.carts.reading import ParseResult, Shortage
from services.orders.catalog.editions import Edition, PerEdition
from services.orders.catalog.model import Catalog
from services.orders.catalog.ports import CurrentCatalog, StockOf
from services.orders.promotions.ports import CurrentPromotions, CustomerOf
from services.orders.promotions.promotion import Promotion
from services.orders.promotions.redeeming import Redeemed, redeem

Context = grpc.aio.ServicerContext[Any, Any]


class CartService(cart_service_pb2_grpc.CartServiceServicer):
    """Reads words as changes to a cart, and prices carts with promotions."""

    def __init__(
        self,
        catalog: CurrentCatalog,
        stock: StockOf,
        promotions: CurrentPromotions,
        customer: CustomerOf,
        clock: Callable[[], datetime],
    ) -> None:
        self._catalog = catalog
        self._stock = stock
        self._promotions = promotions
        self._customer = customer
        self._clock = clock
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
        edition, promotions = await self._offer()
        cart = _fitting(request.cart, edition.catalog)
        reading = self._read(request, cart, edition)
        left = await self._left(apply(cart, reading.operations), edition)
        if gone := frozenset(id_ for id_, count in left.items() if not count):
            # An order took the last ones, and the catalog's copy has yet to hear of it.
            edition = edition.without(gone)
            reading = self._read(request, cart, edition)
        changed = apply(cart, reading.operations)
        redeemed = await self._redeemed(changed, edition, promotions)
        return from_reading(reading, redeemed.cart, edition.served, _shortages(changed, left))

    async def ApplyPromotions(
        self, request: cart_service_pb2.ApplyPromotionsRequest, context: Context
    ) -> cart_service_pb2.ApplyPromotionsResponse:
        edition, promotions = await self._offer()
        cart = _fitting(request.cart, edition.catalog)
        codes = (*cart.promotion_codes, *request.codes)
        asked = replace(cart, promotion_codes=codes)
        redeemed = await self._redeemed(asked, edition, promotions)
        return cart_service_pb2.ApplyPromotionsResponse(
            cart=from_cart(redeemed.cart),
            refusals=[from_code_refusal(refusal) for refusal in redeemed.refusals],
        )

    async def _offer(self) -> tuple[Edition, Sequence[Promotion]]:
        tenant_id = current().principal.tenant_id
        # One look at the cache for both.
        return await asyncio.gather(self._catalog(tenant_id), self._promotions(tenant_id))

    def _read(
        self, request: cart_service_pb2.ParseCartRequest, cart: Cart, edition: Edition
    ) -> ParseResult:
        parser, focus = self._parsers.of(edition), to_focus(request.focus)
        return read(parser, edition.catalog, request.text, cart, focus)

    async def _left(self, cart: Cart, edition: Edition) -> Mapping[str, int]:
        """How many are left of what is in a cart, counted, and not known to have run out."""
        asked = edition.stock.counted.intersection(quantities(cart)) - edition.stock.sold_out
        return await self._stock(edition.tenant_id, asked)

    async def _redeemed(
        self, cart: Cart, edition: Edition, promotions: Sequence[Promotion]
    ) -> Redeemed:
        principal_id = current().principal.principal_id
        customer = await self._customer(edition.tenant_id, principal_id, promotions)
        priced, codes = price(cart, edition.catalog), cart.promotion_codes
        return redeem(priced, edition.catalog, promotions, codes, self._clock(), customer)


def _shortages(cart: Cart, left: Mapping[str, int]) -> list[Shortage]:
    return [
        Shortage(id_, count, left[id_])
        for id_, count in quantities(cart).items()
        if 0 < left.get(id_, 0) < count
    ]


def _fitting(message: cart_pb2.Cart, catalog: Catalog) -> Cart:
    cart = to_cart(message)
    try:
        check(cart, catalog)
    except CartDoesNotFit as misfit:
        raise cart_invalid(misfit) from misfit
    return cart
