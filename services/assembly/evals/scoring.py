"""Scores of placed orders against recorded ones, as the data set's description says.

An order is compared line by line as a multiset of item, quantity, chosen options and add-ons.
Options that only say the default aloud are dropped on both sides.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNSPOKEN_OPTIONS = frozenset({"whole milk", "caff", "hot"})
"""Options the recorded orders leave out when they are defaults, in lower case."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line in names: ``options`` by option group id, ``add_ons`` with repeats."""

    item: str
    quantity: int
    options: Mapping[str, str] = field(default_factory=dict)
    add_ons: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order in names. ``order_type`` is empty where none was recorded."""

    lines: Sequence[Line]
    order_type: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """One dialogue replayed.

    ``gold`` is None for a dialogue that was never finished; ``placed`` None where no order was
    placed. ``explicit_yes`` is whether the placed order had one. ``clarified`` counts the
    assistant's questions other than read-backs.
    """

    scenario: str
    gold: Order | None
    placed: Order | None
    marked: bool = False
    score_order_type: bool = False
    explicit_yes: bool = True
    clarified: int = 0
    crashed: bool = False


def gold_order(record: Mapping[str, Any]) -> Order | None:
    """Return the recorded order of a dialogue; None for one that was not finished."""
    if record["outcome"] != "finished" or record["gold"] is None:
        return None
    gold = record["gold"]
    lines = tuple(
        Line(
            line["item"],
            line["quantity"],
            line["options"],
            tuple(line["addons"]),
            line["notes"] or "",
        )
        for line in gold["lines"]
    )
    return Order(lines, gold["order_type"] or "")


def score(replays: Iterable[Replay]) -> dict[str, Any]:
    """Return all measures, by name; rates in [0, 1] or None where nothing was to be scored."""
    listed = list(replays)
    finished = [replay for replay in listed if replay.gold is not None]
    return {
        "n": len(listed),
        "finished_n": len(finished),
        "exact": _share(map(is_exact, finished)),
        "exact_unmarked": _share(is_exact(r) for r in finished if not r.marked),
        "line_f1": _f1((_line_bag(r.gold), _line_bag(r.placed)) for r in finished),
        "slot_f1": {
            "item": _f1((_items(r.gold), _items(r.placed)) for r in finished),
            "option": _f1((_options(r.gold), _options(r.placed)) for r in finished),
            "addon": _f1((_add_ons(r.gold), _add_ons(r.placed)) for r in finished),
        },
        "note_match": _mean(note_match(r) for r in finished if _notes(r.gold)),
        "order_type": _share(_same_type(r) for r in finished if r.score_order_type),
        "false_orders": sum(map(is_false_order, listed)),
        "clarified": sum(replay.clarified for replay in listed),
        "crashes": sum(replay.crashed for replay in listed),
        "per_scenario": _per_scenario(listed),
    }


def is_exact(replay: Replay) -> bool:
    """Whether the placed order is the recorded one."""
    return replay.placed is not None and _line_bag(replay.gold) == _line_bag(replay.placed)


def is_false_order(replay: Replay) -> bool:
    """Whether an order was placed that nobody asked for."""
    return replay.placed is not None and (replay.gold is None or not replay.explicit_yes)


def note_match(replay: Replay) -> float:
    """Return 1 for the same note when normalised, else the F1 of the notes' words."""
    gold, placed = _notes(replay.gold), _notes(replay.placed)
    if gold == placed:
        return 1.0
    return _bag_f1(Counter(gold), Counter(placed))


def _same_type(replay: Replay) -> bool:
    return (
        replay.gold is not None
        and replay.placed is not None
        and replay.gold.order_type.lower() == replay.placed.order_type.lower()
    )


def _per_scenario(replays: Sequence[Replay]) -> dict[str, dict[str, Any]]:
    scenarios = sorted({replay.scenario for replay in replays})
    return {name: _scenario([r for r in replays if r.scenario == name]) for name in scenarios}


def _scenario(replays: Sequence[Replay]) -> dict[str, Any]:
    finished = [replay for replay in replays if replay.gold is not None]
    return {
        "n": len(replays),
        "finished_n": len(finished),
        "exact": _share(map(is_exact, finished)),
        "no_order": _share(r.placed is None for r in replays if r.gold is None),
        "false_orders": sum(map(is_false_order, replays)),
    }


def _line_bag(order: Order | None) -> Counter[Hashable]:
    return Counter(
        (
            line.item.lower(),
            line.quantity,
            frozenset(_spoken(line).items()),
            frozenset(Counter(name.lower() for name in line.add_ons).items()),
        )
        for line in _lines(order)
    )


def _items(order: Order | None) -> Counter[Hashable]:
    bag: Counter[Hashable] = Counter()
    for line in _lines(order):
        bag[line.item.lower()] += line.quantity
    return bag


def _options(order: Order | None) -> Counter[Hashable]:
    bag: Counter[Hashable] = Counter()
    for line in _lines(order):
        for group, option in _spoken(line).items():
            bag[line.item.lower(), group, option] += line.quantity
    return bag


def _add_ons(order: Order | None) -> Counter[Hashable]:
    bag: Counter[Hashable] = Counter()
    for line in _lines(order):
        for name in line.add_ons:
            bag[line.item.lower(), name.lower()] += line.quantity
    return bag


def _notes(order: Order | None) -> list[str]:
    text = " ".join(line.note for line in _lines(order)).lower()
    return re.findall(r"[^\W_]+", text)


def _spoken(line: Line) -> dict[str, str]:
    return {
        group: option.lower()
        for group, option in line.options.items()
        if option.lower() not in UNSPOKEN_OPTIONS
    }


def _lines(order: Order | None) -> Sequence[Line]:
    return order.lines if order is not None else ()


def _f1(pairs: Iterable[tuple[Counter[Hashable], Counter[Hashable]]]) -> float | None:
    hits = wanted = given = 0
    for gold, placed in pairs:
        hits += (gold & placed).total()
        wanted += gold.total()
        given += placed.total()
    return 2 * hits / (wanted + given) if wanted + given else None


def _bag_f1(gold: Counter[str], placed: Counter[str]) -> float:
    total = gold.total() + placed.total()
    return 2 * (gold & placed).total() / total if total else 1.0


def _share(verdicts: Iterable[bool]) -> float | None:
    return _mean(float(verdict) for verdict in verdicts)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
