"""What is left of a clause once everything known is taken out: wishes for the kitchen.

"extra hot", "two straws", "a dash of …": no option says it, someone has to read it. A thing
asked for as an item of its own ("and a …") is not a wish but something the menu lacks.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.orders.carts.english import ARTICLES, DEGREES, MULTIPLIERS, NEGATORS, UNITS
from services.orders.carts.lexicon import EntityKind
from services.orders.carts.operations import MAX_LINE_QUANTITY
from services.orders.carts.tokens import Token
from services.orders.carts.units import Row, Unit
from services.orders.carts.working import Draft

_WEAK_DEGREES = frozenset("just only so too additional additionally".split())
_AMOUNTS = frozenset(
    "splash dash touch pinch hint drop dollop drizzle sprinkle shot bit pump".split()
)
_GLUE = ARTICLES | frozenset("of in on at to the it my or as than".split())
_WISHES = frozenset(
    "with add adding added make making made put include including have served heated be "
    "that it this them those use keep prefer need".split()
)
_ITEMS = frozenset("get have order want like take try grab bring give need buy and or also".split())
_ALLERGY = frozenset({"allergic", "allergy", "intolerant", "intolerance"})
_ASKING = (
    _ITEMS
    | NEGATORS
    | DEGREES
    | _ALLERGY
    | frozenset("with add make put include please can could would served heated".split())
) - frozenset("and or so just only too like give take".split())
_SHORT = 3
_PARTICLES = frozenset({"down", "up", "over", "out", "off"})
_IN_IT = re.compile(r"\b(?:in|on|for) (?:it|there|that|top|the side|them)\b|\bon top\b")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Unexplained words. ``is_item`` when they were asked for as something of their own."""

    start: int
    end: int
    text: str
    owner: Draft | None
    is_item: bool


def leftovers(row: Row, text: str) -> tuple[Leftover, ...]:
    """Return the runs of words nothing else explains, in order."""
    return tuple(_leftovers(row, text))


def _leftovers(row: Row, text: str) -> Iterator[Leftover]:
    tokens = row.clause.tokens
    if row.clause.affirms or not _is_wish(row):
        return
    for first, last in (_trimmed(row, *run) for run in _runs(row)):
        units = row.units[first : last + 1]
        if first > last or _IN_IT.fullmatch(" ".join(u.norm for u in units)):
            continue
        if not _says_something(units):
            continue
        start, end = tokens[units[0].start].start, tokens[units[-1].end - 1].end
        owner = _owner(row, last)
        item = _is_item(row, units, first, last, owner)
        yield Leftover(start, end, text[start:end], owner, item)


def _is_wish(row: Row) -> bool:
    """Whether the clause asks for something, rather than just talks."""
    words = set(row.clause.words.split())
    if any(unit.mention is not None for unit in row.units) or words & _ASKING:
        return True
    return len(words) <= _SHORT


def _runs(row: Row) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for at in range(len(row.units)):
        if _may_belong(row, at):
            start = at if start is None else start
        elif start is not None:
            yield start, at - 1
            start = None
    if start is not None:
        yield start, len(row.units) - 1


def _may_belong(row: Row, at: int) -> bool:
    unit = row.units[at]
    if unit.mention is not None:
        named = row.is_product(at) or unit.mention.best(EntityKind.CHOICE) is not None
        return not named and _is_quantified(row, at)
    if unit.number is not None:
        return not unit.used
    if unit.norm in _GLUE | DEGREES | UNITS:
        return True
    if unit.norm in NEGATORS:
        return row.norm(at + 1) in DEGREES or row.is_unknown(at + 1)
    doubled = unit.norm in MULTIPLIERS and row.norm(at + 1) == "the"
    particle = unit.norm in _PARTICLES and row.is_unknown(at - 1)
    return not unit.used and (doubled or particle or unit.is_unknown)


def _is_quantified(row: Row, at: int) -> bool:
    """Whether words around a known thing say how much of it, which no option does."""
    if row.product_after(at) is not None:
        return row.norm(at - 1) in DEGREES - _WEAK_DEGREES
    back = at - 1
    while back >= 0 and row.norm(back) in _GLUE:
        back -= 1
    if back >= 0 and (row.norm(back) in DEGREES or row.units[back].is_unknown):
        return row.norm(back) not in _WEAK_DEGREES or row.norm(back - 1) in NEGATORS
    if row.norm(back) in MULTIPLIERS and row.norm(back + 1) == "the":
        return True
    return at + 1 < len(row.units) and row.units[at + 1].is_unknown


def _trimmed(row: Row, first: int, last: int) -> tuple[int, int]:
    while first <= last and row.norm(first) in _GLUE - {"in", "on", "at"}:
        first += 1
    while last >= first and row.norm(last) in _GLUE:
        ending = f"{row.norm(last - 1)} {row.norm(last)}"
        if _IN_IT.fullmatch(ending):
            break
        last -= 1
    return first, last


def _says_something(units: Sequence[Unit]) -> bool:
    if any(u.is_unknown for u in units):
        return True
    words = {u.norm for u in units}
    if words & UNITS or (words & NEGATORS and words & DEGREES) or words & set(MULTIPLIERS):
        return len(units) > 1
    strong = [u for u in units if u.norm in DEGREES and u.norm not in _WEAK_DEGREES]
    known = [u for u in units if u.mention is not None]
    if not strong or not known:
        return False
    add_on = all(u.mention and u.mention.best(EntityKind.ADD_ON) for u in known)
    return not (add_on and {u.norm for u in strong} <= _AMOUNTS)


def _owner(row: Row, last: int) -> Draft | None:
    ahead = last + 1
    while ahead < len(row.units) and row.is_modifier(ahead):
        ahead += 1
    if row.is_product(ahead) and row.norm(last + 1) != ",":
        return row.units[ahead].owner
    later = (row.units[k].owner for k in range(ahead, len(row.units)) if row.is_product(k))
    return row.units[last].owner or next(later, None)


def _is_item(row: Row, units: Sequence[Unit], first: int, last: int, owner: Draft | None) -> bool:
    words = " ".join(u.norm for u in units)
    before_product = row.product_after(last) is not None
    if before_product and owner is not None:
        return False
    if owner is None:
        words_only = all(unit.is_unknown for unit in row.units if unit.norm not in ARTICLES | {","})
        return _introducer(row, first) in _ITEMS or (words_only and len(row.units) <= _SHORT)
    described = DEGREES | NEGATORS | _ALLERGY
    measured = any(unit.norm in described for unit in units) or " of " in words
    tail = " ".join(u.norm for u in row.units[first : last + 4])
    address = units[0].number is not None and units[0].number > MAX_LINE_QUANTITY
    if measured or address or _IN_IT.search(tail):
        return False
    count = units[0].number
    determined = row.norm(first - 1) in ARTICLES or count is not None
    introducer = _introducer(row, first)
    if introducer in _WISHES:
        return introducer in {"add", "have", "need"} and determined
    return determined and introducer in _ITEMS


def _introducer(row: Row, at: int) -> str:
    for back in range(at - 1, -1, -1):
        word = row.norm(back)
        if word in _WISHES or word in _ITEMS:
            follows_with = word in {"and", "or"} and _with_scope(row, back)
            new_item = row.norm(back + 1) in ARTICLES or row.units[back + 1].number is not None
            return "with" if follows_with and not new_item else word
    return ""


def _with_scope(row: Row, at: int) -> bool:
    for back in range(at - 1, -1, -1):
        if row.norm(back) in {"with", "add"}:
            return True
        if row.is_product(back):
            return False
    return False


def covered(tokens: Sequence[Token], leftover: Leftover) -> int:
    """Return how many words of the text the leftover takes up."""
    return sum(1 for t in tokens if t.is_word and leftover.start <= t.start < leftover.end)
