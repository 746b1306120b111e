"""Which units of a bill make up a bundle, how often, and what that takes off."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.orders.promotions.bill import Item
from services.orders.promotions.promotion import Bundle, BundlePart


@dataclass(frozen=True, slots=True)
class Sets:
    """A bundle `times` over, by line id: units, and what they cost before all of it takes off."""

    units: Mapping[str, int]
    costs: Mapping[str, int]
    times: int
    amount: int


def sets_of(bundle: Bundle, items: Sequence[Item]) -> Sets | None:
    """As many sets as the items have units for and take something off; None for not even one.

    Parts are filled with the dearest units that count for them, the part that fewest lines count
    for first.
    """
    dearest = sorted(items, key=lambda item: (-item.base_price, -item.unit_price, item.line_id))
    parts = sorted(bundle.parts, key=lambda part: sum(_counts(part, item) for item in items))
    left = Counter({item.line_id: item.quantity for item in items})
    units = Counter[str]()
    times = amount = 0
    while picked := _pick(parts, dearest, left):
        saving = _saving(bundle, picked, items)
        if saving <= 0:
            break
        # The next sets are made of the same lines until one of them runs out.
        repeats = min(left[line_id] // number for line_id, number in picked.items())
        for line_id, number in picked.items():
            left[line_id] -= number * repeats
            units[line_id] += number * repeats
        times += repeats
        amount += saving * repeats
    costs = {
        item.line_id: _cost(bundle, item) * units[item.line_id]
        for item in items
        if item.line_id in units
    }
    return Sets(units, costs, times, amount) if times else None


def _pick(
    parts: Sequence[BundlePart], dearest: Sequence[Item], left: Counter[str]
) -> Counter[str] | None:
    """Units for one set, by line id; None if there are not enough."""
    picked = Counter[str]()
    for part in parts:
        missing = part.quantity
        for item in dearest:
            if missing and _counts(part, item):
                taken = min(missing, left[item.line_id] - picked[item.line_id])
                if taken > 0:
                    picked[item.line_id] += taken
                    missing -= taken
        if missing:
            return None
    return picked


def _saving(bundle: Bundle, picked: Counter[str], items: Sequence[Item]) -> int:
    """What one set takes off."""
    cost = sum(_cost(bundle, item) * picked[item.line_id] for item in items)
    return min(bundle.amount_off, cost) if bundle.price is None else cost - bundle.price


def _cost(bundle: Bundle, item: Item) -> int:
    """What of a unit's price it takes something off."""
    return item.unit_price if bundle.price is None else item.base_price


def _counts(part: BundlePart, item: Item) -> bool:
    return part.scope.covers(item.product_id, item.category)
