"""Promotions of the small menu, and bills."""

from datetime import UTC, datetime, time

from services.orders.hours import Hours
from services.orders.promotions.bill import Bill, Item
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    BundlePart,
    Code,
    HappyHour,
    Percentage,
    Promotion,
    Scope,
)

# A Wednesday.
NOON = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
FOOD = Scope(categories=frozenset({"Food"}))
WATER = Scope(product_ids=frozenset({"water"}))
TENTH_OFF_FOOD = Promotion("food", "Food week", Percentage(10), FOOD)
WATER_CHEAPER = Promotion("water", "Water day", Amount(50), WATER)
TWENTIETH_OFF = Promotion("all", "Open house", Percentage(5))
FIVE_OFF = Promotion("five", "Five off", Amount(500), minimum_subtotal=2000)
LUNCH = Promotion(
    "lunch",
    "Lunch together",
    Bundle((BundlePart(FOOD, 1), BundlePart(WATER, 1)), price=1050),
)
HAPPY = Promotion("happy", "Happy hour", HappyHour(20, Hours(time(11), time(14))), WATER)
WELCOME = Promotion("welcome", "Welcome", Code("WELCOME", Percentage(15)))


def item(
    line_id: str,
    unit_price: int,
    quantity: int = 1,
    *,
    product_id: str = "pizza",
    category: str = "Food",
    base_price: int | None = None,
) -> Item:
    """A line of a bill; its product costs all of it unless said otherwise."""
    base = unit_price if base_price is None else base_price
    return Item(line_id, product_id, product_id.title(), category, quantity, unit_price, base)


def water(line_id: str, unit_price: int = 200, quantity: int = 1) -> Item:
    """A line of water."""
    return item(line_id, unit_price, quantity, product_id="water", category="Drinks")


def bill(*items: Item, choices: int = 0) -> Bill:
    """A bill of lines, with choices about the whole order that come to so much."""
    return Bill(items, max(0, sum(one.total for one in items) + choices), "EUR")
