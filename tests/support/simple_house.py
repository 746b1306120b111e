"""What a house's carts, promotions and orders should come to, found the simple way.

It knows integers, strings and lists only, and none of the code it is compared with: discounts are
found by trying, who may do what is written out once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

# What adds how much to the price of one.
SIZES = {"small": -50, "usual": 0, "large": 75}


@dataclass
class Dish:
    """A product, as the model knows it."""

    product_id: str
    category: str
    price: int
    rate: int


@dataclass
class Offer:
    """A promotion, as the model knows it: `percent` or else `amount` off `of`, or off it all."""

    promotion_id: str
    percent: int
    amount: int
    of: str
    code: str
    stacking: str
    minimum: int
    uses: int
    first_only: bool


def ways(who: str, status: str, late: bool) -> list[str]:
    """Where somebody may move an order, written out."""
    if who == "guest":
        return ["cancelled"] if status == "placed" and not late else []
    ways = {
        "placed": ["accepted", "cancelled"],
        "accepted": ["preparing", "cancelled"],
        "preparing": ["ready", "cancelled"],
        "ready": ["completed"],
    }.get(status, [])
    if who in ("manager", "admin"):
        ways += {
            "ready": ["cancelled"],
            "completed": ["refunded"],
            "cancelled": ["refunded"],
        }.get(status, [])
    return ways


def taken_off(
    offers: list[Offer], dishes: list[Dish], units: list[int], numbers: list[int]
) -> list[tuple[str, int, int]]:
    """What offers take off: (offer, line or −1 for the whole order, how much), as it is told."""
    tries = [[offer for offer in offers if offer.stacking != "exclusive"]]
    tries += [[offer] for offer in offers if offer.stacking == "exclusive"]
    best: list[tuple[str, int, int]] = []
    for some in tries:
        found = _taken_off_by(some, dishes, units, numbers)
        if sum(much for *_, much in found) > sum(much for *_, much in best):
            best = found
    return best


def _taken_off_by(
    offers: list[Offer], dishes: list[Dish], units: list[int], numbers: list[int]
) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    left = [unit * number for unit, number in zip(units, numbers, strict=True)]
    piles = [offer for offer in offers if offer.stacking == "stacks"]
    rivals = [offer for offer in offers if offer.stacking != "stacks"]
    lines = range(len(dishes))

    def off_line(n: int, offer: Offer) -> int:
        is_for = offer.of in (dishes[n].product_id, dishes[n].category)
        return _off(offer, left[n], numbers[n] * min(offer.amount, units[n])) if is_for else 0

    def off_all(offer: Offer) -> int:
        whole = sum(left) - sum(much for _, n, much in found if n < 0)
        return 0 if offer.of else _off(offer, whole, offer.amount)

    def take(n: int, offer: Offer, much: int) -> None:
        found.append((offer.promotion_id, n, much))
        if n >= 0:
            left[n] -= much

    for n in lines:
        for offer in _best(rivals, partial(off_line, n)):
            take(n, offer, off_line(n, offer))
    for n, offer in product(lines, piles):
        take(n, offer, off_line(n, offer))
    for offer in (*_best(rivals, off_all), *piles):
        take(-1, offer, off_all(offer))
    return [one for one in found if one[2]]


def _off(offer: Offer, left: int, amount: int) -> int:
    return nearest(left * offer.percent, 100) if offer.percent else min(left, amount)


def _best(offers: list[Offer], off: Callable[[Offer], int]) -> list[Offer]:
    """The one that takes off most, the first of equals."""
    return sorted(offers, key=lambda offer: -off(offer))[:1]


def nearest(numerator: int, denominator: int) -> int:
    """The whole number nearest to a quotient, the upper one of two."""
    whole = numerator // denominator
    return whole + (2 * (numerator - whole * denominator) >= denominator)
