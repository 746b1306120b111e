"""Why something is off, and why a code is not, in one sentence."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from services.orders.hours import Hours, day, join
from services.orders.promotions.bill import Bill, Item
from services.orders.promotions.bundles import Sets
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    Percentage,
    Promotion,
    Stacking,
)

_MINOR_UNITS = {"JPY": 0, "KRW": 0, "BHD": 3, "KWD": 3, "TND": 3}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
_BESIDE = {
    Stacking.COMPETES: "",
    Stacking.STACKS: ", on top of other offers",
    Stacking.EXCLUSIVE: ", in place of all other offers",
}


def line_reason(promotion: Promotion, off: Percentage | Amount, item: Item, currency: str) -> str:
    """Why a promotion takes something off one line."""
    things = f"{item.quantity} × {item.name}"
    if isinstance(off, Amount):
        each = "each of " if item.quantity > 1 else ""
        what = f"{money(min(off.amount, item.unit_price), currency)} off {each}{things}"
    else:
        what = f"{off.percent}% off {things}"
    return f"{what}{_conditions(promotion, currency)}."


def order_reason(promotion: Promotion, off: Percentage | Amount, currency: str) -> str:
    """Why a promotion takes something off the whole order."""
    much = money(off.amount, currency) if isinstance(off, Amount) else f"{off.percent}%"
    return f"{much} off the whole order{_conditions(promotion, currency)}."


def bundle_reason(promotion: Promotion, bundle: Bundle, sets: Sets, bill: Bill) -> str:
    """Why a bundle takes something off the lines it is made of."""
    counted = Counter[str]()
    for item in bill.items:
        counted[item.name] += sets.units.get(item.line_id, 0)
    things = join([f"{number} × {name}" for name, number in counted.items() if number])
    if bundle.price is not None:
        what = f"{things} together for {money(bundle.price * sets.times, bill.currency)}"
    else:
        what = f"{money(bundle.amount_off * sets.times, bill.currency)} off {things} together"
    return f"{what}{_conditions(promotion, bill.currency)}."


def unknown(code: str) -> str:
    """Say that there is no such code."""
    return f"There is no code {code}."


def not_now(
    code: str, first_day: date | None, last_day: date | None, hours: Sequence[Hours]
) -> str:
    """Say when a code is valid."""
    since = f" from {day(first_day)}" if first_day else ""
    until = f" until {day(last_day)}" if last_day else ""
    during = f" {join([str(one) for one in hours])}" if hours else ""
    return f"The code {code} is only valid{since}{until}{during}."


def not_first(code: str) -> str:
    """Say that a code is for first orders."""
    return f"The code {code} is for a first order only."


def used_up(code: str, limit: int) -> str:
    """Say that a customer has had a code as often as anyone may."""
    return f"The code {code} can be used {_times(limit)}, and you have used it."


def too_little(code: str, minimum: int, currency: str) -> str:
    """Say what an order has to come to."""
    return f"The code {code} is for orders of {money(minimum, currency)} or more."


def nothing_for(code: str) -> str:
    """Say that the cart has nothing a code is for."""
    return f"There is nothing in the order that the code {code} is for."


def outdone(code: str, names: Sequence[str]) -> str:
    """Say which promotions a code adds nothing to."""
    return f"The code {code} adds nothing to {join(names)}."


def too_many(code: str, most: int) -> str:
    """Say that a cart is full of codes."""
    return f"An order takes {most} codes at most, so {code} is left out."


def money(minor: int, currency: str) -> str:
    """An amount for people, such as €3.80."""
    digits = _MINOR_UNITS.get(currency, 2)
    whole, part = divmod(minor, 10**digits)
    amount = f"{whole}.{part:0{digits}}" if digits else str(whole)
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{amount}" if symbol else f"{amount} {currency}"


def _conditions(promotion: Promotion, currency: str) -> str:
    said = f", {join([str(one) for one in promotion.hours])}" if promotion.hours else ""
    if promotion.code:
        said += f" with the code {promotion.code}"
    if promotion.minimum_subtotal:
        said += f", for orders of {money(promotion.minimum_subtotal, currency)} or more"
    if promotion.is_first_order_only:
        said += ", for a first order"
    if promotion.uses_per_customer:
        said += f", {_times(promotion.uses_per_customer)} for each guest"
    return said + _BESIDE[promotion.stacking]


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
