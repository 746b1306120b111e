"""A promotion as a value: what it takes off, of what, and when.

Amounts are integers in the minor unit of the catalog's currency; days and hours are local ones.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from services.orders.hours import Hours


@dataclass(frozen=True, slots=True)
class Scope:
    """These products, and those under these headings of the catalog."""

    product_ids: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is named, which means the whole order."""
        return not self.product_ids and not self.categories

    def covers(self, product_id: str, category: str) -> bool:
        """Whether a product is named, or its heading is."""
        return product_id in self.product_ids or category in self.categories


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of a price, 1 to 100 per cent."""

    percent: int


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount off each thing in scope, or once off the whole order."""

    amount: int


@dataclass(frozen=True, slots=True)
class BundlePart:
    """So many of any of these."""

    scope: Scope
    quantity: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """Things bought together: for `price`, or for `amount_off` less where there is no price.

    A price is for the products alone; options and extras are paid beside.
    """

    parts: tuple[BundlePart, ...]
    price: int | None = None
    amount_off: int = 0


@dataclass(frozen=True, slots=True)
class HappyHour:
    """A share of a price at its hours."""

    percent: int
    hours: Hours


@dataclass(frozen=True, slots=True)
class Code:
    """A share or an amount for those who know a code, which is in capitals."""

    code: str
    off: Percentage | Amount


Terms = Percentage | Amount | Bundle | HappyHour | Code


class Stacking(Enum):
    """How a promotion goes with others.

    One that competes is taken where it takes off most; one that stacks is taken on top of those;
    one that is exclusive is taken alone, if it takes off more than all others together.
    """

    COMPETES = "competes"
    STACKS = "stacks"
    EXCLUSIVE = "exclusive"


@dataclass(frozen=True, slots=True)
class Promotion:
    """What is offered from `first_day` to `last_day`, both in it; None is no bound.

    `minimum_subtotal` is the least an order comes to before discounts. `schedule` says at which
    hours of these days; none named means always. `uses_per_customer` is how many orders of one
    customer may have it; 0 is no limit.
    """

    id: str
    name: str
    terms: Terms
    scope: Scope = Scope()
    minimum_subtotal: int = 0
    first_day: date | None = None
    last_day: date | None = None
    stacking: Stacking = Stacking.COMPETES
    schedule: tuple[Hours, ...] = ()
    is_first_order_only: bool = False
    uses_per_customer: int = 0

    @property
    def off(self) -> Percentage | Amount | None:
        """What it takes off a line or the order; None for a bundle."""
        match self.terms:
            case Bundle():
                return None
            case HappyHour(percent=percent):
                return Percentage(percent)
            case Code(off=off):
                return off
            case terms:
                return terms

    @property
    def code(self) -> str:
        """The code that unlocks it; empty if it needs none."""
        return self.terms.code if isinstance(self.terms, Code) else ""

    @property
    def is_limited(self) -> bool:
        """Whether it depends on what the customer has ordered before."""
        return self.is_first_order_only or self.uses_per_customer > 0

    @property
    def hours(self) -> tuple[Hours, ...]:
        """When it is on; none named means all day."""
        return (self.terms.hours,) if isinstance(self.terms, HappyHour) else self.schedule

    def is_on(self, local: datetime) -> bool:
        """Whether it is on at this local time."""
        days: list[date | None] = [one.begun_on(local) for one in self.hours]
        return any(
            day is not None and not self.is_ahead(day) and not self.is_over(day)
            for day in (days if self.hours else [local.date()])
        )

    def is_ahead(self, day: date) -> bool:
        """Whether it has yet to begin on this day."""
        return self.first_day is not None and day < self.first_day

    def is_over(self, day: date) -> bool:
        """Whether it has ended before this day."""
        return self.last_day is not None and day > self.last_day
