"""Quotes between their contract and the domain."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.orders.v1 import cart_pb2, quote_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, not_found, precondition
from services.orders.catalog.serving import Served
from services.orders.quotes.quote import StoredQuote
from services.orders.quotes.signing import Terms


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
        signature=signature_text(quote.signature),
    )


def signature_text(signature: bytes | None) -> str:
    """A signature on the wire: unpadded URL-safe base64, empty for none."""
    return base64.urlsafe_b64encode(signature or b"").decode().rstrip("=")


def terms_of(
    cart: cart_pb2.Cart,
    document: bytes,
    *,
    tenant_id: UUID,
    quote_id: UUID,
    principal_id: str,
    expire_time: datetime,
) -> Terms:
    """What a quote of this cart, and of its bytes as they are stored, promises."""
    return Terms(
        tenant_id=tenant_id,
        quote_id=quote_id,
        principal_id=principal_id,
        total_minor=payable(cart),
        tax_minor=sum(tax.tax_minor for tax in cart.taxes),
        currency=cart.currency_code,
        expire_time=expire_time,
        cart=document,
    )


def payable(cart: cart_pb2.Cart) -> int:
    """What is paid for a stored cart, which may know nothing of promotions or taxes."""
    added = sum(tax.tax_minor for tax in cart.taxes if not tax.included)
    return cart.total_minor - sum(discount.amount_minor for discount in cart.discounts) + added


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


def signature_invalid(quote_id: str) -> Failure:
    """QUOTE_SIGNATURE_INVALID: the quote is not what was signed, or not what the guest saw."""
    return precondition(
        "QUOTE_SIGNATURE_INVALID",
        f"The quote {quote_id} is not what was signed; ask for a new one.",
        quote_id=quote_id,
    )


def not_available(ids: Sequence[str], served: Served, left: Mapping[str, int]) -> Failure:
    """NOT_AVAILABLE: some of it cannot be had now, or not that many.

    Args:
        ids: of what cannot be had.
        served: knows why.
        left: of products of which some are left, how many.
    """
    reasons = [
        f"only {left[id_]} of {id_} are left" if left.get(id_) else f"{id_} {served.why_not(id_)}"
        for id_ in ids
    ]
    told = "; ".join(reasons)
    return precondition(
        "NOT_AVAILABLE",
        f"Not available: {told}.",
        ids=",".join(ids),
        remaining=",".join(str(left.get(id_, 0)) for id_ in ids),
    )
