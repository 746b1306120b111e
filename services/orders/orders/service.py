"""maitred.orders.v1.OrderService."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.orders.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc

from services.chassis.data.idempotency import Scope
from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.identity import Principal
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.convert import visible_to
from services.orders.orders.convert import (
    from_order,
    order_not_found,
    placed_order,
    role_required,
    to_new_order,
    to_state,
    transaction_id,
    transition_not_allowed,
    version_mismatch,
)
from services.orders.orders.events import order_changed
from services.orders.orders.order import OrderFilter, QuoteToPlace, StoredOrder, WantedQuote
from services.orders.orders.states import guest_may_ask, guest_may_move, may_move
from services.orders.orders.store import Move, OrderStore, Placement
from services.orders.quotes.convert import quote_expired, quote_not_found

Context = grpc.aio.ServicerContext[Any, Any]


class OrderService(order_service_pb2_grpc.OrderServiceServicer):
    """Places orders of quotes, and moves them."""

    def __init__(
        self,
        store: OrderStore,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.OrderService",
            order_service_pb2_grpc.add_OrderServiceServicer_to_server,
            self,
        )

    async def PlaceOrder(
        self, request: order_service_pb2.PlaceOrderRequest, context: Context
    ) -> order_service_pb2.PlaceOrderResponse:
        principal = current().principal
        scope = scope_of(principal, "PlaceOrder", request.request_id)
        wanted = WantedQuote(from_id("quo", request.quote_id), visible_to(principal), self._clock())
        answer = await self._store.place(
            scope,
            keyless(request),
            wanted,
            lambda quote: self._placement(request, scope, wanted, quote),
        )
        tell_replayed(context, answer)
        return order_service_pb2.PlaceOrderResponse(order=order_pb2.Order.FromString(answer.body))

    def _placement(
        self,
        request: order_service_pb2.PlaceOrderRequest,
        scope: Scope,
        wanted: WantedQuote,
        quote: QuoteToPlace | None,
    ) -> Placement:
        now = wanted.now
        if quote is None:
            raise quote_not_found(request.quote_id)
        if quote.expire_time <= now and not quote.is_ordered:
            raise quote_expired(request.quote_id, quote.expire_time)
        order_id = self._ids.new()
        placed = placed_order(
            request,
            quote.cart,
            order_id=order_id,
            owner=quote.principal_id,
            transaction=transaction_id(scope),
            now=now,
        )
        return Placement(
            order=to_new_order(placed, order_id=order_id, quote_id=wanted.quote_id, now=now),
            event=order_changed(
                placed, tenant_id=scope.tenant_id, event_id=self._ids.new(), now=now
            ),
        )

    async def GetOrder(
        self, request: order_service_pb2.GetOrderRequest, context: Context
    ) -> order_service_pb2.GetOrderResponse:
        principal = current().principal
        order = await self._store.get(
            principal.tenant_id, from_id("ord", request.order_id), visible_to(principal)
        )
        if order is None:
            raise order_not_found(request.order_id)
        return order_service_pb2.GetOrderResponse(order=from_order(order))

    async def ListOrders(
        self, request: order_service_pb2.ListOrdersRequest, context: Context
    ) -> order_service_pb2.ListOrdersResponse:
        principal = current().principal
        arguments = {
            "list": "orders",
            "principal": visible_to(principal) or "",
            "status": str(request.status),
            "session": request.session_id,
        }
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        chosen = OrderFilter(
            principal_id=visible_to(principal),
            status=to_state(request.status) if request.status else None,
            session_id=request.session_id or None,
        )
        before = UUID(str(position[0])) if position else None
        orders = await self._store.page(principal.tenant_id, chosen, before, size + 1)
        page = orders[:size]
        more = len(orders) > size
        return order_service_pb2.ListOrdersResponse(
            orders=[from_order(order) for order in page],
            next_page_token=self._tokens.encode([str(page[-1].order_id)], arguments)
            if more
            else "",
        )

    async def TransitionOrder(
        self, request: order_service_pb2.TransitionOrderRequest, context: Context
    ) -> order_service_pb2.TransitionOrderResponse:
        principal = current().principal
        answer = await self._store.move(
            scope_of(principal, "TransitionOrder", request.request_id),
            keyless(request),
            from_id("ord", request.order_id),
            visible_to(principal),
            lambda order: self._move(request, principal, order),
        )
        tell_replayed(context, answer)
        return order_service_pb2.TransitionOrderResponse.FromString(answer.body)

    def _move(
        self,
        request: order_service_pb2.TransitionOrderRequest,
        principal: Principal,
        order: StoredOrder | None,
    ) -> Move:
        if order is None:
            raise order_not_found(request.order_id)
        end = to_state(request.status)
        if principal.is_guest_only and not guest_may_ask(end):
            raise role_required(end)
        if request.version and request.version != order.version:
            raise version_mismatch(request.order_id, request.version, order.version)
        allowed = guest_may_move if principal.is_guest_only else may_move
        if not allowed(order.status, end):
            raise transition_not_allowed(request.order_id, order.status, end)
        now = self._clock()
        moved = replace(order, status=end, version=order.version + 1, update_time=now)
        message = from_order(moved)
        return Move(
            order=moved,
            event=order_changed(
                message, tenant_id=principal.tenant_id, event_id=self._ids.new(), now=now
            ),
            answer=order_service_pb2.TransitionOrderResponse(order=message).SerializeToString(),
        )
