"""An order as it is kept, and the one to be placed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.orders.orders.states import Actor, OrderState


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that was recorded: what its provider calls it, and the amount in minor units."""

    reference: str
    amount_minor: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A state an order came to, by whom and why; `version` is the order's since."""

    version: int
    status: OrderState
    role: Actor
    actor_id: str
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order: what was placed, for ever (`placed`, the contract's bytes), and where it stands.

    `version` counts its changes from 1; `payment` is None while none was recorded.
    """

    order_id: UUID
    principal_id: str
    status: OrderState
    version: int
    update_time: datetime
    placed: bytes
    payment: Payment | None


@dataclass(frozen=True, slots=True)
class WantedQuote:
    """A quote to place at the time `now`, which `owner` (None: anyone) must own."""

    quote_id: UUID
    owner: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class QuoteToPlace:
    """What placing needs to know of a quote.

    `cart` is the contract's bytes, as priced; `signature` is None where it was never signed. What
    is remembered was signed by this process; whether its row still says so is asked when placing.
    """

    principal_id: str
    cart: bytes
    expire_time: datetime
    signature: bytes | None
    is_ordered: bool
    is_remembered: bool


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
class CustomerLimit:
    """A promotion, and in how many orders a customer may have it."""

    promotion_id: str
    uses: int


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order about to be placed: `subtotal_minor` before discounts, `total_minor` to be paid.

    `first_orders` are promotions for a customer's first order only; `placed` is the answer's
    bytes; `decision_id` is empty for none.
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
    limits: tuple[CustomerLimit, ...]
    first_orders: tuple[str, ...]
    decision_id: str
    recommendation_ids: tuple[str, ...]
    placed: bytes


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list holds: of one principal, state, conversation; None for all of them."""

    principal_id: str | None
    status: OrderState | None
    session_id: str | None
