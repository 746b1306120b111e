"""Orders between their contract and the domain."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
from maitred.identity.v1 import access_pb2
from maitred.orders.v1 import cart_pb2, order_pb2, order_service_pb2

from services.chassis.data.idempotency import Scope
from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, aborted, denied, not_found, precondition
from services.chassis.rpc.identity import Principal
from services.orders.orders.order import (
    Change,
    CustomerLimit,
    NewDiscount,
    NewLine,
    NewOrder,
    StoredOrder,
)
from services.orders.orders.states import Actor, OrderState, allowed
from services.orders.quotes.convert import payable, timestamp

_STATUS = {
    OrderState.PLACED: order_pb2.ORDER_STATUS_PLACED,
    OrderState.ACCEPTED: order_pb2.ORDER_STATUS_ACCEPTED,
    OrderState.PREPARING: order_pb2.ORDER_STATUS_PREPARING,
    OrderState.READY: order_pb2.ORDER_STATUS_READY,
    OrderState.COMPLETED: order_pb2.ORDER_STATUS_COMPLETED,
    OrderState.CANCELLED: order_pb2.ORDER_STATUS_CANCELLED,
    OrderState.REFUNDED: order_pb2.ORDER_STATUS_REFUNDED,
}
_STATE = {status: state for state, status in _STATUS.items()}
_ROLES = {
    Actor.GUEST: access_pb2.ROLE_GUEST,
    Actor.STAFF: access_pb2.ROLE_STAFF,
    Actor.MANAGER: access_pb2.ROLE_MANAGER,
    Actor.ADMIN: access_pb2.ROLE_ADMIN,
    Actor.SERVICE: access_pb2.ROLE_SERVICE,
}


def transaction_id(scope: Scope) -> str:
    """Hash of an idempotency key with its scope: 32 hexadecimal digits."""
    parts = (str(scope.tenant_id), scope.principal_id, scope.rpc, scope.key)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def actor_of(principal: Principal) -> Actor:
    """As what a caller acts: the one of their roles that may do most."""
    return next((actor for actor in Actor if actor.value in principal.roles), Actor.GUEST)


def placed_order(
    request: order_service_pb2.PlaceOrderRequest,
    cart: cart_pb2.Cart,
    *,
    order_id: UUID,
    owner: str,
    placed_by: Actor,
    actor_id: str,
    note: str,
    transaction: str,
    now: datetime,
    cancel_window: timedelta,
) -> order_pb2.Order:
    """The order a quote's cart becomes; with a window of nothing no guest may cancel it."""
    instant = timestamp(now)
    return order_pb2.Order(
        order_id=to_id("ord", order_id),
        principal_id=owner,
        status=order_pb2.ORDER_STATUS_PLACED,
        lines=cart.lines,
        order_choices=cart.order_choices,
        subtotal_minor=cart.total_minor,
        discounts=cart.discounts,
        total_minor=payable(cart),
        currency_code=cart.currency_code,
        quote_id=request.quote_id,
        session_id=request.session_id,
        transaction_id=transaction,
        decision_id=request.decision_id,
        recommendation_ids=request.recommendation_ids,
        version=1,
        create_time=instant,
        update_time=instant,
        taxes=cart.taxes,
        note=note,
        payment_reference=request.payment_reference,
        cancel_expire_time=timestamp(now + cancel_window) if cancel_window else None,
        history=[
            order_pb2.OrderChange(
                status=order_pb2.ORDER_STATUS_PLACED,
                change_time=instant,
                role=_ROLES[placed_by],
                version=1,
                actor_id=actor_id,
            )
        ],
    )


def to_new_order(
    message: order_pb2.Order, *, order_id: UUID, quote_id: UUID, now: datetime
) -> NewOrder:
    """The rows of an order about to be placed."""
    return NewOrder(
        order_id=order_id,
        quote_id=quote_id,
        owner=message.principal_id,
        session_id=message.session_id,
        subtotal_minor=message.subtotal_minor,
        total_minor=message.total_minor,
        currency_code=message.currency_code,
        create_time=now,
        lines=tuple(
            NewLine(line.product_id, line.quantity, line.unit_price_minor, line.total_minor)
            for line in message.lines
        ),
        discounts=tuple(
            NewDiscount(discount.promotion_id, discount.amount_minor)
            for discount in message.discounts
        ),
        limits=tuple(
            CustomerLimit(promotion_id, uses)
            for promotion_id, uses in {
                discount.promotion_id: discount.uses_per_customer for discount in message.discounts
            }.items()
            if uses
        ),
        first_orders=first_orders(message.discounts),
        decision_id=message.decision_id,
        recommendation_ids=tuple(message.recommendation_ids),
        placed=message.SerializeToString(),
    )


def first_orders(discounts: Iterable[cart_pb2.Discount]) -> tuple[str, ...]:
    """The promotions that are for a guest's first order only, each once."""
    return tuple(dict.fromkeys(one.promotion_id for one in discounts if one.first_order_only))


def from_order(
    order: StoredOrder, viewer: Actor, now: datetime, changes: Sequence[Change] | None = None
) -> order_pb2.Order:
    """An order as it stands, with what the viewer may make of it now.

    Args:
        order: as kept.
        viewer: as what the caller acts.
        now: the time.
        changes: since it was placed; None leaves its history out.
    """
    message = order_pb2.Order.FromString(order.placed)
    if changes is None:
        message.ClearField("history")
    elif not message.history:
        # Orders placed before there was a history do not say who placed them.
        message.history.add(
            status=order_pb2.ORDER_STATUS_PLACED, change_time=message.create_time, version=1
        )
    message.history.extend(_from_change(change) for change in changes or ())
    show_actors(message, viewer)
    if order.payment is not None:
        message.payment.payment_reference = order.payment.reference
        message.payment.amount_minor = order.payment.amount_minor
        message.payment.payment_time.FromDatetime(order.payment.time)
    message.allowed_transitions.extend(
        _STATUS[state] for state in allowed(viewer, order.status, cancel_expire(message), now)
    )
    if not message.subtotal_minor and not message.discounts:
        # Orders placed before there were promotions do not say it.
        message.subtotal_minor = message.total_minor
    message.status = _STATUS[order.status]
    message.version = order.version
    message.update_time.FromDatetime(order.update_time)
    return message


def show_actors(message: order_pb2.Order, viewer: Actor) -> None:
    """Name in an order's history whoever did it, but to guests, who need not know."""
    for change in message.history:
        if viewer is Actor.GUEST:
            change.ClearField("actor_id")
        elif not change.actor_id and change.role == access_pb2.ROLE_GUEST:
            # What was placed before this was kept: no guest places an order but their own.
            change.actor_id = message.principal_id


def _from_change(change: Change) -> order_pb2.OrderChange:
    return order_pb2.OrderChange(
        status=_STATUS[change.status],
        change_time=timestamp(change.time),
        role=_ROLES[change.role],
        reason=change.reason,
        version=change.version,
        actor_id=change.actor_id,
    )


def cancel_expire(message: order_pb2.Order) -> datetime:
    """Until when a guest may cancel: not at all where it does not say."""
    shown = message.HasField("cancel_expire_time")
    instant = message.cancel_expire_time if shown else message.create_time
    return instant.ToDatetime(UTC)


def to_state(status: order_pb2.OrderStatus.ValueType) -> OrderState:
    """A state by its number. KeyError for UNSPECIFIED."""
    return _STATE[status]


def state_of(message: order_pb2.Order) -> OrderState:
    """The state a message is in."""
    return to_state(message.status)


def order_not_found(order_id: str) -> Failure:
    """ORDER_NOT_FOUND, whether it does not exist or is somebody else's."""
    return not_found("ORDER_NOT_FOUND", f"There is no order {order_id}.", order_id=order_id)


def role_required(end: OrderState, actors: Collection[Actor]) -> Failure:
    """ROLE_REQUIRED: a move for others than the caller."""
    roles = ",".join(sorted(actors))
    return denied("ROLE_REQUIRED", f"To make it {end} needs a role of: {roles}.", roles=roles)


def cancel_window_over(order_id: str, ended: datetime) -> Failure:
    """CANCEL_WINDOW_OVER: too late for a guest."""
    instant = ended.isoformat(timespec="seconds").replace("+00:00", "Z")
    return precondition(
        "CANCEL_WINDOW_OVER",
        f"The order {order_id} could be cancelled until {instant}; ask the staff.",
        order_id=order_id,
        cancel_expire_time=instant,
    )


def out_of_stock(remaining: Mapping[str, int]) -> Failure:
    """NOT_AVAILABLE: fewer are left than are wanted."""
    left = ", ".join(f"{product_id} ({count} left)" for product_id, count in remaining.items())
    return precondition(
        "NOT_AVAILABLE",
        f"Not enough of: {left}.",
        ids=",".join(remaining),
        remaining=",".join(map(str, remaining.values())),
    )


def promotion_used_up(promotion_ids: Sequence[str]) -> Failure:
    """PROMOTION_USED_UP: the guest has had these promotions as often as anyone may."""
    ids = ",".join(promotion_ids)
    return precondition(
        "PROMOTION_USED_UP",
        f"Used up since the quote was made: {ids}. Ask for a new quote.",
        promotion_ids=ids,
    )


def payment_mismatch(order: order_pb2.Order) -> Failure:
    """PAYMENT_MISMATCH: not what the guest pays."""
    return precondition(
        "PAYMENT_MISMATCH",
        f"The order {order.order_id} comes to {order.total_minor} minor units of "
        f"{order.currency_code}.",
        order_id=order.order_id,
        total_minor=str(order.total_minor),
        currency_code=order.currency_code,
    )


def already_paid(order_id: str, reference: str) -> Failure:
    """ORDER_ALREADY_PAID: another payment is recorded."""
    return precondition(
        "ORDER_ALREADY_PAID",
        f"The order {order_id} was paid by {reference}.",
        order_id=order_id,
        payment_reference=reference,
    )


def reference_used(reference: str) -> Failure:
    """PAYMENT_REFERENCE_USED: the payment is another order's."""
    return precondition(
        "PAYMENT_REFERENCE_USED",
        f"The payment {reference} is another order's.",
        payment_reference=reference,
    )


def version_mismatch(order_id: str, expected: int, actual: int) -> Failure:
    """VERSION_MISMATCH: the order changed since the caller saw it."""
    return aborted(
        "VERSION_MISMATCH",
        f"The order {order_id} is at version {actual}, not {expected}.",
        order_id=order_id,
        expected=str(expected),
        actual=str(actual),
    )


def transition_not_allowed(order_id: str, start: OrderState, end: OrderState) -> Failure:
    """TRANSITION_NOT_ALLOWED: that is not where the order can go from here."""
    return Failure(
        grpc.StatusCode.FAILED_PRECONDITION,
        "TRANSITION_NOT_ALLOWED",
        f"The order {order_id} is {start} and cannot become {end}.",
        metadata={"order_id": order_id, "from": start.value, "to": end.value},
    )
