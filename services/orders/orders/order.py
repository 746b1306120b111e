"""An order as it is kept, and the one to be placed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.orders.orders.states import OrderState


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order: what was placed, for ever (`placed`, the contract's bytes), and where it stands.

    `version` counts its changes from 1.
    """

    order_id: UUID
    principal_id: str
    status: OrderState
    version: int
    update_time: datetime
    placed: bytes


@dataclass(frozen=True, slots=True)
class WantedQuote:
    """A quote to place at the time `now`, which `owner` (None: anyone) must own."""

    quote_id: UUID
    owner: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class QuoteToPlace:
    """What placing needs to know of a quote. `cart` is the contract's bytes, as priced."""

    principal_id: str
    cart: bytes
    expire_time: datetime
    is_ordered: bool


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line's row: ids, counts and amounts in minor units."""

    product_id: str
    quantity: int
    unit_price_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class NewDiscount:
    """A discount's row; the amount in minor units."""

    promotion_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order about to be placed: `subtotal_minor` before discounts, `total_minor` after them.

    `placed` is the answer's bytes; `decision_id` is empty for none.
    """

    order_id: UUID
    quote_id: UUID
    owner: str
    session_id: str
    subtotal_minor: int
    total_minor: int
    currency_code: str
    create_time: datetime
    lines: tuple[NewLine, ...]
    discounts: tuple[NewDiscount, ...]
    decision_id: str
    recommendation_ids: tuple[str, ...]
    placed: bytes


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list holds: of one principal, state, conversation; None for all of them."""

    principal_id: str | None
    status: OrderState | None
    session_id: str | None
