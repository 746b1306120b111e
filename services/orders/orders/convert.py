"""Orders between their contract and the domain."""

import hashlib
from datetime import datetime
from uuid import UUID

import grpc
from maitred.orders.v1 import cart_pb2, order_pb2, order_service_pb2

from services.chassis.data.idempotency import Scope
from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, aborted, denied, not_found
from services.orders.orders.order import NewDiscount, NewLine, NewOrder, StoredOrder
from services.orders.orders.states import OrderState
from services.orders.quotes.convert import payable, timestamp

_STATUS = {
    OrderState.PLACED: order_pb2.ORDER_STATUS_PLACED,
    OrderState.ACCEPTED: order_pb2.ORDER_STATUS_ACCEPTED,
    OrderState.PREPARING: order_pb2.ORDER_STATUS_PREPARING,
    OrderState.READY: order_pb2.ORDER_STATUS_READY,
    OrderState.COMPLETED: order_pb2.ORDER_STATUS_COMPLETED,
    OrderState.CANCELLED: order_pb2.ORDER_STATUS_CANCELLED,
}
_STATE = {status: state for state, status in _STATUS.items()}


def transaction_id(scope: Scope) -> str:
    """Hash of an idempotency key with its scope: 32 hexadecimal digits."""
    parts = (str(scope.tenant_id), scope.principal_id, scope.rpc, scope.key)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def placed_order(
    request: order_service_pb2.PlaceOrderRequest,
    cart_document: bytes,
    *,
    order_id: UUID,
    owner: str,
    transaction: str,
    now: datetime,
) -> order_pb2.Order:
    """The order a quote's cart becomes."""
    cart = cart_pb2.Cart.FromString(cart_document)
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
        decision_id=message.decision_id,
        recommendation_ids=tuple(message.recommendation_ids),
        placed=message.SerializeToString(),
    )


def from_order(order: StoredOrder) -> order_pb2.Order:
    """An order as it stands."""
    message = order_pb2.Order.FromString(order.placed)
    if not message.discounts:
        # Orders placed before there were promotions do not say it.
        message.subtotal_minor = message.total_minor
    message.status = _STATUS[order.status]
    message.version = order.version
    message.update_time.FromDatetime(order.update_time)
    return message


def to_state(status: order_pb2.OrderStatus.ValueType) -> OrderState:
    """A state by its number. KeyError for UNSPECIFIED."""
    return _STATE[status]


def state_of(message: order_pb2.Order) -> OrderState:
    """The state a message is in."""
    return to_state(message.status)


def order_not_found(order_id: str) -> Failure:
    """ORDER_NOT_FOUND, whether it does not exist or is somebody else's."""
    return not_found("ORDER_NOT_FOUND", f"There is no order {order_id}.", order_id=order_id)


def role_required(end: OrderState) -> Failure:
    """ROLE_REQUIRED: guests may cancel, nothing else."""
    roles = "admin,manager,service,staff"
    return denied("ROLE_REQUIRED", f"Only staff make an order {end}.", roles=roles)


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
