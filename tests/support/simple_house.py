"""What a house's carts, promotions and orders should come to, found the simple way.

It knows integers, strings and lists only, and none of the code it is compared with: discounts are
found by trying, who may do what is written out once more.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
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
class Line:
    """So many of a dish in one size, `unit` each."""

    name: str
    dish: Dish
    unit: int
    number: int

    @property
    def base(self) -> int:
        """What of one is the dish's own price."""
        return min(self.dish.price, self.unit)

    def of(self, what: str) -> bool:
        """Whether it is of a dish, or of a kind."""
        return what in (self.dish.product_id, self.dish.category)


@dataclass
class Off:
    """What an offer takes off, of which line; −1 is all, or of a bundle what `costs` so much."""

    offer: str
    line: int
    much: int
    costs: dict[int, int] = field(default_factory=dict)


@dataclass
class Offer:
    """A promotion, as the model knows it: `percent` or else `amount` off `of`, or off it all.

    With `parts` it is for so many of each of them together, for `price`, or if that is 0 for
    `amount` less.
    """

    promotion_id: str
    percent: int
    amount: int
    of: str
    code: str
    stacking: str
    minimum: int
    uses: int
    first_only: bool
    parts: list[tuple[str, int]]
    price: int


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


def taken_off(offers: list[Offer], lines: list[Line]) -> list[Off]:
    """What offers take off, as it is told."""
    tries = [[offer for offer in offers if offer.stacking != "exclusive"]]
    tries += [[offer] for offer in offers if offer.stacking == "exclusive"]
    best: list[Off] = []
    for some in tries:
        found = _taken_off_by(some, lines)
        if sum(one.much for one in found) > sum(one.much for one in best):
            best = found
    return best


def _taken_off_by(offers: list[Offer], lines: list[Line]) -> list[Off]:
    found: list[Off] = []
    left = [line.unit * line.number for line in lines]
    bundles = [offer for offer in offers if offer.parts]
    piles = [offer for offer in offers if offer.stacking == "stacks" and not offer.parts]
    rivals = [offer for offer in offers if offer.stacking != "stacks" and not offer.parts]

    def off_line(n: int, offer: Offer) -> int:
        most = lines[n].number * min(offer.amount, lines[n].unit)
        return _off(offer, left[n], most) if lines[n].of(offer.of) else 0

    def off_all(offer: Offer) -> int:
        whole = sum(left) - sum(one.much for one in found if one.line < 0)
        return 0 if offer.of else _off(offer, whole, offer.amount)

    def take(n: int, offer: Offer, much: int) -> None:
        found.append(Off(offer.promotion_id, n, much))
        if n >= 0:
            left[n] -= much

    alone = [max([0, *(off_line(n, offer) for offer in rivals)]) for n in range(len(lines))]
    together = _bundles(bundles, lines, alone)
    free = [n for n in range(len(lines)) if not any(n in one.costs for one in together)]
    for n in free:
        for offer in _best(rivals, partial(off_line, n)):
            take(n, offer, off_line(n, offer))
    found += together
    for n, offer in product(free, piles):
        take(n, offer, off_line(n, offer))
    for offer in (*_best(rivals, off_all), *piles):
        take(-1, offer, off_all(offer))
    return [one for one in found if one.much]


def _bundles(offers: list[Offer], lines: list[Line], alone: list[int]) -> list[Off]:
    """Those that take off more than their lines get alone, the one that takes off most first."""
    taken: list[Off] = []
    free = list(range(len(lines)))
    for offer in sorted(offers, key=lambda offer: -_bundled(offer, lines, free).much):
        one = _bundled(offer, lines, free)
        if one.much > sum(alone[n] for n in one.costs):
            taken.append(one)
            free = [n for n in free if n not in one.costs]
    return taken


def _bundled(offer: Offer, lines: list[Line], free: list[int]) -> Off:
    """One set after another, each of the dearest there are, while that makes it cheaper."""
    dearest = sorted(free, key=lambda n: (-lines[n].base, -lines[n].unit, lines[n].name))
    parts = sorted(offer.parts, key=lambda part: sum(lines[n].of(part[0]) for n in free))
    wanted = [what for what, number in parts for _ in range(number)]
    had, much = Counter[int](), 0

    def cost(some: Counter[int]) -> dict[int, int]:
        return {
            n: (lines[n].base if offer.price else lines[n].unit) * number
            for n, number in some.items()
        }

    while True:
        one = Counter[int]()
        for what in wanted:
            fit = (n for n in dearest if lines[n].of(what) and lines[n].number > had[n] + one[n])
            one.update([next(fit, -1)])
        whole = 0 if one[-1] else sum(cost(one).values())
        saving = whole - offer.price if offer.price else min(offer.amount, whole)
        if saving <= 0:
            return Off(offer.promotion_id, -1, much, cost(had))
        had += one
        much += saving


def taxed(lines: list[Line], off: list[Off], excluded: bool) -> list[tuple[int, int, int]]:
    """Every rate with what it is of, without the tax, and the tax."""
    due, of_all = Counter[int](), 0
    for line in lines:
        due[line.dish.rate] += line.unit * line.number
    for one in off:
        if one.line >= 0:
            due[lines[one.line].dish.rate] -= one.much
        elif one.costs:
            costs = Counter[int]()
            for n, cost in one.costs.items():
                costs[lines[n].dish.rate] += cost
            due.subtract(_shared(one.much, costs))
        else:
            of_all += one.much
    due.subtract(_shared(of_all, due))
    told = []
    for rate, amount in sorted((+due).items()):
        base = amount if excluded else nearest(amount * 10_000, 10_000 + rate)
        tax = nearest(amount * rate, 10_000) if excluded else amount - base
        told.append((rate, base, tax))
    return [one for one in told if one[0]]


def _shared(much: int, among: Counter[int]) -> dict[int, int]:
    """An amount in proportion; what is left over by ones to those that got least of theirs."""
    if not much:
        return {}
    exact = {rate: Fraction(much * cost, among.total()) for rate, cost in sorted(among.items())}
    given = {rate: int(share) for rate, share in exact.items()}
    while sum(given.values()) < much:
        given[max(given, key=lambda rate: exact[rate] - given[rate])] += 1
    return given


def _off(offer: Offer, left: int, amount: int) -> int:
    return nearest(left * offer.percent, 100) if offer.percent else min(left, amount)


def _best(offers: list[Offer], off: Callable[[Offer], int]) -> list[Offer]:
    """The one that takes off most, the first of equals."""
    return sorted(offers, key=lambda offer: -off(offer))[:1]


def nearest(numerator: int, denominator: int) -> int:
    """The whole number nearest to a quotient, the upper one of two."""
    whole = numerator // denominator
    return whole + (2 * (numerator - whole * denominator) >= denominator)
