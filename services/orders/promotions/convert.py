"""Promotions between their contract and the domain."""

from datetime import date, datetime, time

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.orders.v1 import promotion_pb2

from services.chassis.rpc.errors import (
    Failure,
    FieldProblem,
    already_exists,
    invalid,
    not_found,
)
from services.orders.hours import Hours
from services.orders.promotions.checking import InvalidPromotion, PromotionProblem
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    BundlePart,
    Code,
    HappyHour,
    Percentage,
    Promotion,
    Scope,
    Stacking,
    Terms,
)

_STACKING = {
    promotion_pb2.PROMOTION_STACKING_UNSPECIFIED: Stacking.COMPETES,
    promotion_pb2.PROMOTION_STACKING_COMPETES: Stacking.COMPETES,
    promotion_pb2.PROMOTION_STACKING_STACKS: Stacking.STACKS,
    promotion_pb2.PROMOTION_STACKING_EXCLUSIVE: Stacking.EXCLUSIVE,
}


def decode(document: bytes) -> Promotion:
    """The promotion a stored document means."""
    return to_promotion(promotion_pb2.Promotion.FromString(document))


def to_promotion(message: promotion_pb2.Promotion) -> Promotion:
    """The promotion a message means. Raises InvalidPromotion if a date is not one."""
    return Promotion(
        id=message.promotion_id,
        name=message.display_name,
        terms=_to_terms(message),
        scope=_to_scope(message.scope),
        minimum_subtotal=message.minimum_subtotal_minor,
        first_day=_to_day("start_date", message.start_date),
        last_day=_to_day("end_date", message.end_date),
        stacking=_STACKING[message.stacking],
        schedule=tuple(_to_hours(one) for one in message.schedule),
        is_first_order_only=message.first_order_only,
        uses_per_customer=message.uses_per_customer,
    )


def stamped(
    message: promotion_pb2.Promotion, *, create_time: Timestamp | None, now: datetime
) -> promotion_pb2.Promotion:
    """The message as it is stored now; `create_time` is of the one before, None for a new one."""
    stored = promotion_pb2.Promotion()
    stored.CopyFrom(message)
    stored.update_time.FromDatetime(now)
    stored.create_time.CopyFrom(create_time or stored.update_time)
    return stored


def promotion_invalid(refused: InvalidPromotion) -> Failure:
    """PROMOTION_INVALID, naming every place."""
    return invalid(
        "PROMOTION_INVALID",
        f"The promotion makes no sense: {refused}.",
        [FieldProblem(f"promotion.{p.path}", p.description) for p in refused.problems],
        problems=str(len(refused.problems)),
    )


def promotion_not_found(promotion_id: str) -> Failure:
    """PROMOTION_NOT_FOUND."""
    return not_found(
        "PROMOTION_NOT_FOUND", f"There is no promotion {promotion_id}.", promotion_id=promotion_id
    )


def promotion_exists(promotion_id: str) -> Failure:
    """PROMOTION_EXISTS: the id is taken."""
    return already_exists(
        "PROMOTION_EXISTS",
        f"There is a promotion {promotion_id} already.",
        promotion_id=promotion_id,
    )


def _to_terms(message: promotion_pb2.Promotion) -> Terms:
    match message.WhichOneof("terms"):
        case "percentage":
            return Percentage(message.percentage.percent)
        case "amount":
            return Amount(message.amount.amount_minor)
        case "bundle":
            return _to_bundle(message.bundle)
        case "happy_hour":
            return HappyHour(message.happy_hour.percent, _to_hours(message.happy_hour))
        case _:
            return Code(message.code.code, _to_off(message.code))


def _to_hours(message: promotion_pb2.HappyHourTerms | promotion_pb2.PromotionHours) -> Hours:
    return Hours(
        time.fromisoformat(message.start_time),
        time.fromisoformat(message.end_time),
        frozenset(message.weekdays),
    )


def _to_off(message: promotion_pb2.CodeTerms) -> Percentage | Amount:
    if message.WhichOneof("off") == "amount":
        return Amount(message.amount.amount_minor)
    return Percentage(message.percentage.percent)


def _to_bundle(message: promotion_pb2.BundleTerms) -> Bundle:
    return Bundle(
        parts=tuple(BundlePart(_to_scope(item.scope), item.quantity) for item in message.items),
        price=message.price_minor if message.HasField("price_minor") else None,
        amount_off=message.amount_off_minor,
    )


def _to_scope(message: promotion_pb2.PromotionScope) -> Scope:
    return Scope(frozenset(message.product_ids), frozenset(message.categories))


def _to_day(path: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidPromotion([PromotionProblem(path, f"{text} is no day")]) from None
