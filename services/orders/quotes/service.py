"""maitred.orders.v1.QuoteService."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from maitred.orders.v1 import cart_pb2, quote_service_pb2, quote_service_pb2_grpc

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.rpc.call import current
from services.chassis.rpc.errors import FieldProblem, invalid
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.chassis.run.privacy import mask
from services.orders.carts.cart import Cart
from services.orders.carts.convert import cart_invalid, from_cart, to_cart
from services.orders.carts.fitting import CartDoesNotFit, check, quantities, sold_out
from services.orders.carts.pricing import price
from services.orders.catalog.editions import Edition
from services.orders.catalog.ports import CurrentCatalog, StockOf
from services.orders.convert import visible_to
from services.orders.promotions.customer import Customer
from services.orders.promotions.ports import CurrentPromotions, CustomerOf
from services.orders.promotions.promotion import Promotion
from services.orders.promotions.redeeming import redeem
from services.orders.quotes.convert import (
    from_quote,
    not_available,
    quote_not_found,
    terms_of,
)
from services.orders.quotes.quote import StoredQuote
from services.orders.quotes.signing import QuoteSigner
from services.orders.quotes.store import QuoteStore

Context = grpc.aio.ServicerContext[Any, Any]


class QuoteService(quote_service_pb2_grpc.QuoteServiceServicer):
    """Prices carts with promotions, and keeps the prices, signed, for `lifetime`."""

    def __init__(
        self,
        store: QuoteStore,
        catalog: CurrentCatalog,
        stock: StockOf,
        promotions: CurrentPromotions,
        customer: CustomerOf,
        signer: QuoteSigner,
        ids: IdFactory,
        clock: Callable[[], datetime],
        lifetime: timedelta,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._stock = stock
        self._promotions = promotions
        self._customer = customer
        self._signer = signer
        self._ids = ids
        self._clock = clock
        self._lifetime = lifetime

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.QuoteService",
            quote_service_pb2_grpc.add_QuoteServiceServicer_to_server,
            self,
        )

    async def CreateQuote(
        self, request: quote_service_pb2.CreateQuoteRequest, context: Context
    ) -> quote_service_pb2.CreateQuoteResponse:
        principal = current().principal
        # One look at the cache for both.
        edition, promotions = await asyncio.gather(
            self._catalog(principal.tenant_id), self._promotions(principal.tenant_id)
        )
        principal_id = principal.principal_id
        customer = await self._customer(principal.tenant_id, principal_id, promotions)
        counted = edition.stock.counted.intersection(line.product_id for line in request.cart.lines)
        left = await self._stock(principal.tenant_id, counted)

        def make() -> tuple[StoredQuote, bytes]:
            redeemed = self._redeemed(request.cart, edition, left, promotions, customer)
            quote = self._quote(principal.tenant_id, principal_id, redeemed)
            response = quote_service_pb2.CreateQuoteResponse(quote=from_quote(quote))
            return quote, response.SerializeToString()

        scope = scope_of(principal, "CreateQuote", request.request_id)
        answer = await self._store.create(scope, keyless(request), make)
        tell_replayed(context, answer)
        return quote_service_pb2.CreateQuoteResponse.FromString(answer.body)

    async def GetQuote(
        self, request: quote_service_pb2.GetQuoteRequest, context: Context
    ) -> quote_service_pb2.GetQuoteResponse:
        principal = current().principal
        quote_id: UUID = from_id("quo", request.quote_id)
        quote = await self._store.get(principal.tenant_id, quote_id, visible_to(principal))
        if quote is None:
            raise quote_not_found(request.quote_id)
        return quote_service_pb2.GetQuoteResponse(quote=from_quote(quote))

    def _redeemed(
        self,
        message: cart_pb2.Cart,
        edition: Edition,
        left: Mapping[str, int],
        promotions: Sequence[Promotion],
        customer: Customer,
    ) -> cart_pb2.Cart:
        if not message.lines:
            problem = FieldProblem("cart.lines", "at least one line")
            raise invalid("CART_INVALID", "The cart is empty.", [problem], problems="1")
        cart, catalog = _without_personal_data(to_cart(message)), edition.catalog
        try:
            check(cart, catalog)
        except CartDoesNotFit as misfit:
            raise cart_invalid(misfit) from misfit
        wanted = quantities(cart)
        gone = sold_out(cart, catalog)
        # What cannot be had at all may still be counted.
        few = {id_: n for id_, n in left.items() if n < wanted[id_] and id_ not in gone}
        if gone or few:
            raise not_available([*gone, *few], edition.served, few)
        priced, now = price(cart, catalog), self._clock()
        redeemed = redeem(priced, catalog, promotions, cart.promotion_codes, now, customer)
        return from_cart(redeemed.cart)

    def _quote(self, tenant_id: UUID, principal_id: str, cart: cart_pb2.Cart) -> StoredQuote:
        quote_id, now, document = self._ids.new(), self._clock(), cart.SerializeToString()
        expire_time = now + self._lifetime
        terms = terms_of(
            cart,
            document,
            tenant_id=tenant_id,
            quote_id=quote_id,
            principal_id=principal_id,
            expire_time=expire_time,
        )
        return StoredQuote(
            quote_id=quote_id,
            principal_id=principal_id,
            cart=document,
            create_time=now,
            expire_time=expire_time,
            signature=self._signer.sign(terms),
        )


def _without_personal_data(cart: Cart) -> Cart:
    """The cart with what notes tell of a person masked."""
    return replace(
        cart, lines=tuple(replace(line, note=mask(line.note).text) for line in cart.lines)
    )
