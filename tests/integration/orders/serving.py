"""The orders service in this process, on a database of its own, and callers it believes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import grpc
from google.protobuf import json_format
from maitred.orders.v1 import (
    cart_pb2,
    cart_service_pb2,
    cart_service_pb2_grpc,
    catalog_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    order_pb2,
    order_service_pb2,
    order_service_pb2_grpc,
    promotion_pb2,
    promotion_service_pb2,
    promotion_service_pb2_grpc,
    quote_pb2,
    quote_service_pb2,
    quote_service_pb2_grpc,
)

from services.assembly.demo.seed import CATALOGS
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Target
from services.orders.config import OrdersConfig
from services.orders.wiring import build
from tests.support.services import (
    SETTINGS,
    Clock,
    is_replayed,
    metadata,
    on_clock,
    running,
    with_role,
)

COFFEE_BAR = "coffee_bar"


def menu(name: str = COFFEE_BAR) -> catalog_pb2.Catalog:
    """A demo tenant's catalog."""
    text = (CATALOGS / f"{name}.json").read_text(encoding="utf-8")
    return json_format.Parse(text, catalog_pb2.Catalog())


def cart(*product_ids: str, quantity: int = 1) -> cart_pb2.Cart:
    """So many of each product, made as they come."""
    lines = [cart_pb2.CartLine(product_id=id_, quantity=quantity) for id_ in product_ids]
    return cart_pb2.Cart(lines=lines)


def lasting(order: order_pb2.Order) -> order_pb2.Order:
    """What an order says whoever asks, and however it is asked for."""
    bare = order_pb2.Order()
    bare.CopyFrom(order)
    bare.ClearField("allowed_transitions")
    bare.ClearField("history")
    return bare


@dataclass(frozen=True, slots=True)
class OrdersClient:
    """A running service and how to ask it."""

    channel: grpc.aio.Channel
    clock: Clock
    catalogs: catalog_service_pb2_grpc.CatalogServiceStub = field(init=False)
    carts: cart_service_pb2_grpc.CartServiceStub = field(init=False)
    quotes: quote_service_pb2_grpc.QuoteServiceStub = field(init=False)
    orders: order_service_pb2_grpc.OrderServiceStub = field(init=False)
    promotions: promotion_service_pb2_grpc.PromotionServiceStub = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "catalogs", catalog_service_pb2_grpc.CatalogServiceStub(self.channel))
        put(self, "carts", cart_service_pb2_grpc.CartServiceStub(self.channel))
        put(self, "quotes", quote_service_pb2_grpc.QuoteServiceStub(self.channel))
        put(
            self,
            "promotions",
            promotion_service_pb2_grpc.PromotionServiceStub(self.channel),
        )
        put(self, "orders", order_service_pb2_grpc.OrderServiceStub(self.channel))

    async def open_tenant(self, name: str = COFFEE_BAR) -> UUID:
        """A new tenant that sells what a demo tenant does."""
        tenant_id = uuid4()
        await self.import_catalog(tenant_id, menu(name))
        return tenant_id

    async def import_catalog(self, tenant_id: UUID, catalog: catalog_pb2.Catalog) -> None:
        await self.catalogs.ImportProducts(
            catalog_service_pb2.ImportProductsRequest(catalog=catalog),
            metadata=metadata(with_role(tenant_id, Role.MANAGER)),
        )

    async def promote(
        self, tenant_id: UUID, promotion: promotion_pb2.Promotion
    ) -> promotion_pb2.Promotion:
        """A new promotion of the tenant's."""
        response = await self.promotions.CreatePromotion(
            promotion_service_pb2.CreatePromotionRequest(promotion=promotion),
            metadata=metadata(with_role(tenant_id, Role.MANAGER)),
        )
        return response.promotion

    async def redeem(
        self, principal: Principal, wanted: cart_pb2.Cart, *codes: str
    ) -> cart_service_pb2.ApplyPromotionsResponse:
        """The cart with promotions, and what became of codes."""
        return await self.carts.ApplyPromotions(
            cart_service_pb2.ApplyPromotionsRequest(cart=wanted, codes=codes),
            metadata=metadata(principal),
        )

    async def quote(
        self, principal: Principal, wanted: cart_pb2.Cart | None = None
    ) -> quote_pb2.Quote:
        """A quote of a cart, or of a latte."""
        response = await self.quotes.CreateQuote(
            quote_service_pb2.CreateQuoteRequest(cart=wanted or cart("latte")),
            metadata=metadata(principal),
        )
        return response.quote

    async def place(
        self, principal: Principal, quote_id: str, key: str = "", **arguments: Any
    ) -> tuple[order_pb2.Order, bool]:
        """An order of a quote, and whether the answer was given before."""
        call = self.orders.PlaceOrder(
            order_service_pb2.PlaceOrderRequest(
                quote_id=quote_id, request_id=key or uuid4().hex, **arguments
            ),
            metadata=metadata(principal),
        )
        response = await call
        return response.order, await is_replayed(call)

    async def order(
        self, principal: Principal, wanted: cart_pb2.Cart | None = None
    ) -> order_pb2.Order:
        """A new order."""
        quote = await self.quote(principal, wanted)
        order, _ = await self.place(principal, quote.quote_id)
        return order

    async def get(self, principal: Principal, order_id: str) -> order_pb2.Order:
        response = await self.orders.GetOrder(
            order_service_pb2.GetOrderRequest(order_id=order_id), metadata=metadata(principal)
        )
        return response.order

    async def page(
        self, principal: Principal, **arguments: Any
    ) -> order_service_pb2.ListOrdersResponse:
        return await self.orders.ListOrders(
            order_service_pb2.ListOrdersRequest(**arguments), metadata=metadata(principal)
        )

    async def move(
        self,
        principal: Principal,
        order_id: str,
        status: order_pb2.OrderStatus.ValueType,
        **arguments: Any,
    ) -> order_pb2.Order:
        response = await self.orders.TransitionOrder(
            order_service_pb2.TransitionOrderRequest(order_id=order_id, status=status, **arguments),
            metadata=metadata(principal),
        )
        return response.order


@asynccontextmanager
async def serving(database_url: str, **settings: Any) -> AsyncIterator[OrdersClient]:
    """The service, as its process would run it but for the clock."""
    clock = Clock()
    config = OrdersConfig(database_url=database_url, **{**SETTINGS, **settings})
    async with (
        running(Target("orders", config, on_clock(build, clock))) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['orders']}") as channel,
    ):
        yield OrdersClient(channel, clock)
