"""Quotes between their contract and the domain."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.orders.v1 import cart_pb2, quote_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, not_found, precondition
from services.orders.quotes.quote import StoredQuote


def from_quote(quote: StoredQuote) -> quote_pb2.Quote:
    """A quote as its owner sees it."""
    cart = cart_pb2.Cart.FromString(quote.cart)
    return quote_pb2.Quote(
        quote_id=to_id("quo", quote.quote_id),
        principal_id=quote.principal_id,
        cart=cart,
        total_minor=payable(cart),
        currency_code=cart.currency_code,
        create_time=timestamp(quote.create_time),
        expire_time=timestamp(quote.expire_time),
        order_id=to_id("ord", quote.order_id) if quote.order_id else "",
    )


def payable(cart: cart_pb2.Cart) -> int:
    """What is paid for a stored cart, which may know nothing of promotions."""
    return cart.total_minor - sum(discount.amount_minor for discount in cart.discounts)


def timestamp(instant: datetime) -> Timestamp:
    """An instant on the wire."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def quote_not_found(quote_id: str) -> Failure:
    """QUOTE_NOT_FOUND, whether it does not exist or is somebody else's."""
    return not_found("QUOTE_NOT_FOUND", f"There is no quote {quote_id}.", quote_id=quote_id)


def quote_expired(quote_id: str, expire_time: datetime) -> Failure:
    """QUOTE_EXPIRED: the price no longer holds."""
    instant = expire_time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return precondition(
        "QUOTE_EXPIRED",
        f"The quote {quote_id} expired at {instant}.",
        quote_id=quote_id,
        expire_time=instant,
    )


def not_available(ids: tuple[str, ...]) -> Failure:
    """NOT_AVAILABLE: some of it is sold out."""
    return precondition("NOT_AVAILABLE", f"Sold out: {', '.join(ids)}.", ids=",".join(ids))
