"""maitred.orders.v1.OrderService."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import grpc
from maitred.orders.v1 import cart_pb2, order_pb2, order_service_pb2, order_service_pb2_grpc

from services.chassis.data.idempotency import Scope
from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.identity import Principal
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.chassis.run.privacy import mask
from services.orders.convert import visible_to
from services.orders.orders.convert import (
    actor_of,
    already_paid,
    cancel_expire,
    cancel_window_over,
    from_order,
    order_not_found,
    out_of_stock,
    payment_mismatch,
    placed_order,
    promotion_used_up,
    reference_used,
    role_required,
    show_actors,
    to_new_order,
    to_state,
    transaction_id,
    transition_not_allowed,
    version_mismatch,
)
from services.orders.orders.events import order_changed, payment_changed
from services.orders.orders.order import (
    Change,
    OrderFilter,
    Payment,
    QuoteToPlace,
    StoredOrder,
    WantedQuote,
)
from services.orders.orders.states import (
    Actor,
    OrderState,
    is_in_time,
    puts_back,
    who_ever_may,
    who_may,
)
from services.orders.orders.store import (
    Move,
    OrderStore,
    OutOfStock,
    Paying,
    Placement,
    PromotionUsedUp,
    ReferenceUsed,
)
from services.orders.quotes.convert import (
    quote_expired,
    quote_not_found,
    signature_invalid,
    signature_text,
    terms_of,
)
from services.orders.quotes.signing import QuoteSigner

Context = grpc.aio.ServicerContext[Any, Any]
_log = logging.getLogger(__name__)


class OrderService(order_service_pb2_grpc.OrderServiceServicer):
    """Places orders of quotes, moves them, and records their payments.

    Guests may cancel for `cancel_window` after they ordered.
    """

    def __init__(
        self,
        store: OrderStore,
        signer: QuoteSigner,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
        cancel_window: timedelta,
    ) -> None:
        self._store = store
        self._signer = signer
        self._cancel_window = cancel_window
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
        try:
            answer = await self._store.place(
                scope,
                keyless(request),
                wanted,
                lambda quote: self._placement(request, scope, wanted, quote, principal),
            )
        except OutOfStock as short:
            raise out_of_stock(short.remaining) from None
        except PromotionUsedUp as used_up:
            raise promotion_used_up(used_up.promotion_ids) from None
        tell_replayed(context, answer)
        order = order_pb2.Order.FromString(answer.body)
        show_actors(order, actor_of(principal))
        return order_service_pb2.PlaceOrderResponse(order=order)

    def _placement(
        self,
        request: order_service_pb2.PlaceOrderRequest,
        scope: Scope,
        wanted: WantedQuote,
        quote: QuoteToPlace | None,
        principal: Principal,
    ) -> Placement:
        now = wanted.now
        if quote is None:
            raise quote_not_found(request.quote_id)
        if quote.expire_time <= now and not quote.is_ordered:
            raise quote_expired(request.quote_id, quote.expire_time)
        cart = cart_pb2.Cart.FromString(quote.cart)
        if not quote.is_ordered:
            # Who asks for an order once more gets it, even when the key that signed is gone.
            self._verify(request, scope.tenant_id, wanted.quote_id, quote, cart)
        order_id = self._ids.new()
        placed = placed_order(
            request,
            cart,
            order_id=order_id,
            owner=quote.principal_id,
            placed_by=actor_of(principal),
            actor_id=principal.principal_id,
            note=mask(request.note).text if request.note else "",
            transaction=transaction_id(scope),
            now=now,
            cancel_window=self._cancel_window,
        )
        return Placement(
            order=to_new_order(placed, order_id=order_id, quote_id=wanted.quote_id, now=now),
            event=order_changed(
                placed, tenant_id=scope.tenant_id, event_id=self._ids.new(), now=now
            ),
        )

    def _verify(
        self,
        request: order_service_pb2.PlaceOrderRequest,
        tenant_id: UUID,
        quote_id: UUID,
        quote: QuoteToPlace,
        cart: cart_pb2.Cart,
    ) -> None:
        """Fails with QUOTE_SIGNATURE_INVALID unless the quote is what was signed, and seen."""
        if quote.signature is not None and not quote.is_remembered:
            terms = terms_of(
                cart,
                quote.cart,
                tenant_id=tenant_id,
                quote_id=quote_id,
                principal_id=quote.principal_id,
                expire_time=quote.expire_time,
            )
            if not self._signer.holds(terms, quote.signature):
                # Its row was changed by somebody else than this service.
                _log.error("a quote is not what was signed", extra={"quote_id": request.quote_id})
                raise signature_invalid(request.quote_id)
        seen = request.quote_signature
        if seen and seen != signature_text(quote.signature):
            raise signature_invalid(request.quote_id)

    async def GetOrder(
        self, request: order_service_pb2.GetOrderRequest, context: Context
    ) -> order_service_pb2.GetOrderResponse:
        principal = current().principal
        found = await self._store.get(
            principal.tenant_id, from_id("ord", request.order_id), visible_to(principal)
        )
        if found is None:
            raise order_not_found(request.order_id)
        order, changes = found
        return order_service_pb2.GetOrderResponse(
            order=from_order(order, actor_of(principal), self._clock(), changes)
        )

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
        viewer, now = actor_of(principal), self._clock()
        return order_service_pb2.ListOrdersResponse(
            orders=[from_order(order, viewer, now) for order in page],
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
        end, actor, now = to_state(request.status), actor_of(principal), self._clock()
        if actor not in (ever := who_ever_may(end)):
            raise role_required(end, ever)
        if request.version and request.version != order.version:
            raise version_mismatch(request.order_id, request.version, order.version)
        before = from_order(order, actor, now)
        _check_move(before, order.status, end, actor, now)
        change = Change(
            version=order.version + 1,
            status=end,
            role=actor,
            actor_id=principal.principal_id,
            reason=mask(request.reason).text,
            time=now,
        )
        moved = replace(order, status=end, version=change.version, update_time=now)
        message = from_order(moved, actor, now)
        tenant_id = principal.tenant_id
        events = [
            order_changed(message, tenant_id=tenant_id, event_id=self._ids.new(), now=now),
        ]
        if end is OrderState.REFUNDED and order.payment is not None:
            events.append(
                payment_changed(
                    message, "refunded", tenant_id=tenant_id, event_id=self._ids.new(), now=now
                )
            )
        return Move(
            change=change,
            events=tuple(events),
            answer=order_service_pb2.TransitionOrderResponse(order=message).SerializeToString(),
            puts_back=puts_back(order.status, end),
        )

    async def RecordPayment(
        self, request: order_service_pb2.RecordPaymentRequest, context: Context
    ) -> order_service_pb2.RecordPaymentResponse:
        principal = current().principal
        try:
            answer = await self._store.pay(
                scope_of(principal, "RecordPayment", request.request_id),
                keyless(request),
                from_id("ord", request.order_id),
                lambda order: self._paying(request, principal, order),
            )
        except ReferenceUsed:
            raise reference_used(request.payment_reference) from None
        tell_replayed(context, answer)
        return order_service_pb2.RecordPaymentResponse.FromString(answer.body)

    def _paying(
        self,
        request: order_service_pb2.RecordPaymentRequest,
        principal: Principal,
        order: StoredOrder | None,
    ) -> Paying:
        if order is None:
            raise order_not_found(request.order_id)
        now, actor = self._clock(), actor_of(principal)
        known = order.payment
        if known is not None and known.reference != request.payment_reference:
            raise already_paid(request.order_id, known.reference)
        payment = known or Payment(request.payment_reference, request.amount_minor, now)
        message = from_order(replace(order, payment=payment), actor, now)
        asked = (request.amount_minor, request.currency_code)
        if asked != (message.total_minor, message.currency_code):
            raise payment_mismatch(message)
        answer = order_service_pb2.RecordPaymentResponse(order=message).SerializeToString()
        if known is not None:
            return Paying(payment=None, events=(), answer=answer)
        kinds: list[Literal["paid", "refunded"]] = ["paid"]
        if order.status is OrderState.REFUNDED:
            # The money came after it was decided that the guest gets it back.
            kinds.append("refunded")
        tenant_id = principal.tenant_id
        events = tuple(
            payment_changed(message, kind, tenant_id=tenant_id, event_id=self._ids.new(), now=now)
            for kind in kinds
        )
        return Paying(payment=payment, events=events, answer=answer)


def _check_move(
    order: order_pb2.Order, start: OrderState, end: OrderState, actor: Actor, now: datetime
) -> None:
    """Fails unless this may be done with the order, by this actor, now."""
    may = who_may(start, end)
    if not may or (actor is Actor.GUEST and actor not in may):
        raise transition_not_allowed(order.order_id, start, end)
    if actor not in may:
        raise role_required(end, may)
    if not is_in_time(actor, end, ends := cancel_expire(order), now):
        raise cancel_window_over(order.order_id, ends)
