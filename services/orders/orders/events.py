"""Events of orders: CloudEvents types `maitred.order.v1` and `maitred.payment.v1`.

Data: maitred.events.v1.OrderV1 and PaymentV1.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from maitred.orders.v1 import cart_pb2, order_pb2

from services.chassis.data.outbox import OutboxEvent, cloud_event
from services.orders.orders.convert import state_of

TYPE = "maitred.order.v1"
PAYMENT_TYPE = "maitred.payment.v1"
SOURCE = "/maitred/orders"


def order_changed(
    order: order_pb2.Order, *, tenant_id: UUID, event_id: UUID, now: datetime
) -> OutboxEvent:
    """The event that an order has come to the state it is in."""
    return _told(order, TYPE, order_v1(order, tenant_id), tenant_id, event_id, now)


def payment_changed(
    order: order_pb2.Order,
    kind: Literal["paid", "refunded"],
    *,
    tenant_id: UUID,
    event_id: UUID,
    now: datetime,
) -> OutboxEvent:
    """The event that the payment an order has was recorded, or is to be given back."""
    data = {
        "tenant_id": str(tenant_id),
        "principal_id": order.principal_id,
        "order_id": order.order_id,
        "kind": kind,
        "payment_reference": order.payment.payment_reference,
        "amount_minor": str(order.payment.amount_minor),
        "currency": order.currency_code,
    }
    return _told(order, PAYMENT_TYPE, data, tenant_id, event_id, now)


def _told(
    order: order_pb2.Order,
    event_type: str,
    data: Mapping[str, Any],
    tenant_id: UUID,
    event_id: UUID,
    now: datetime,
) -> OutboxEvent:
    return OutboxEvent(
        event_id=event_id,
        tenant_id=tenant_id,
        type=event_type,
        aggregate_id=order.order_id,
        principal_id=order.principal_id,
        payload=cloud_event(
            event_id=event_id,
            source=SOURCE,
            event_type=event_type,
            subject=order.order_id,
            time=now,
            data=data,
        ),
    )


def order_v1(order: order_pb2.Order, tenant_id: UUID) -> dict[str, Any]:
    """OrderV1 as ProtoJSON: 64-bit integers are strings, what is empty is left out."""
    totals = {
        "subtotal_minor": str(order.subtotal_minor),
        "total_minor": str(order.total_minor),
    }
    if order.taxes:
        totals["tax_minor"] = str(sum(tax.tax_minor for tax in order.taxes))
    data: dict[str, Any] = {
        "tenant_id": str(tenant_id),
        "principal_id": order.principal_id,
        "order_id": order.order_id,
        "status": state_of(order).value,
        "lines": [_line(line) for line in order.lines],
        "totals": totals,
        "currency": order.currency_code,
        "transaction_id": order.transaction_id,
        "version": str(order.version),
    }
    if order.session_id:
        data["session_id"] = order.session_id
    if order.order_choices:
        data["order_choices"] = {
            choice.order_choice_id: choice.option_id for choice in order.order_choices
        }
    if order.decision_id:
        data["decision_id"] = order.decision_id
    if order.recommendation_ids:
        data["recommendation_ids"] = list(order.recommendation_ids)
    if order.discounts:
        data["discounts"] = [
            {"promotion_id": discount.promotion_id, "amount_minor": str(discount.amount_minor)}
            for discount in order.discounts
        ]
    return data


def _line(line: cart_pb2.CartLine) -> dict[str, Any]:
    data: dict[str, Any] = {
        "product_id": line.product_id,
        "quantity": line.quantity,
        "unit_price_minor": str(line.unit_price_minor),
        "total_minor": str(line.total_minor),
    }
    # A default done without is a line of the kitchen's, not something that was sold.
    if options := [_option(option) for option in line.options if option.quantity]:
        data["options"] = options
    if line.add_ons:
        data["add_ons"] = [
            {"add_on_id": add_on.add_on_id, "quantity": add_on.quantity} for add_on in line.add_ons
        ]
    return data


def _option(option: cart_pb2.OptionSelection) -> dict[str, Any]:
    data: dict[str, Any] = {
        "option_group_id": option.option_group_id,
        "option_id": option.option_id,
        "quantity": option.quantity,
    }
    if option.is_default:
        data["is_default"] = True
    return data
