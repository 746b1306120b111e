"""A quote as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """A price that holds until `expire_time`. `cart` is the contract's bytes, as priced.

    `signature` is None where it was never signed; `order_id` is the order made of it, None while
    there is none.
    """

    quote_id: UUID
    principal_id: str
    cart: bytes
    create_time: datetime
    expire_time: datetime
    signature: bytes | None
    order_id: UUID | None = None
