"""Fewer are left than a cart has: what a tool says of it, and what the guest's answer is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.sessions.cart import Cart, Focus


@dataclass(frozen=True, slots=True)
class Shortage:
    """`left` of a product that a cart has `wanted` of.

    `line_id` is empty where they are on several lines: which of them to change is the guest's.
    """

    product_name: str
    wanted: int
    left: int
    line_id: str = ""


def shortages(cart: Cart, left: Mapping[str, int]) -> tuple[Shortage, ...]:
    """Where the cart has more than are left, by product id, in its order."""
    found = []
    for product_id in dict.fromkeys(line.product_id for line in cart.lines):
        lines = [line for line in cart.lines if line.product_id == product_id]
        wanted = sum(line.quantity for line in lines)
        if product_id in left and left[product_id] < wanted:
            line_id = lines[0].line_id if len(lines) == 1 else ""
            found.append(Shortage(lines[0].product_name, wanted, left[product_id], line_id))
    return tuple(found)


def to_json(few: Sequence[Shortage]) -> list[dict[str, Any]]:
    """What the model is told; `one_line` is whether "make it that many" says all."""
    return [
        {
            "name": short.product_name,
            "wanted": short.wanted,
            "left": short.left,
            "one_line": bool(short.line_id),
        }
        for short in few
    ]


def focus_on(few: Sequence[Shortage], focus: Focus) -> Focus:
    """The focus with the first of them spoken of, unless something is still to be chosen."""
    if not few or not few[0].line_id or focus.candidate_ids:
        return focus
    return replace(focus, line_id=few[0].line_id)
