"""Changes to a cart, and the one function that applies them.

Operations are facts about what was asked: they name catalog ids only, are already valid for
the product they touch, and applying the same ones to the same cart gives the same cart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection

MAX_LINE_QUANTITY = 99
MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class AddLine:
    """Put ``quantity`` units of a product into the cart."""

    product_id: str
    quantity: int = 1
    selections: tuple[Selection, ...] = ()
    add_ons: tuple[AddOnSelection, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """Put ``line`` in the place of the line that has its id."""

    line: CartLine


@dataclass(frozen=True, slots=True)
class RemoveLine:
    """Take a line out of the cart, or only ``quantity`` units of it."""

    line_id: str
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class SetOrderChoice:
    """Choose an option for the whole order."""

    choice_id: str
    option_id: str


@dataclass(frozen=True, slots=True)
class ClearCart:
    """Empty the cart."""


Operation = AddLine | ChangeLine | RemoveLine | SetOrderChoice | ClearCart


def apply(cart: Cart, operations: Iterable[Operation]) -> Cart:
    """Return the cart after the operations, in order.

    Lines that became identical are one line. New lines are numbered from the highest number
    in the cart, so ids depend only on the arguments. Operations on a line that is not there
    change nothing.
    """
    for operation in operations:
        cart = _apply_one(cart, operation)
    return cart


def _apply_one(cart: Cart, operation: Operation) -> Cart:
    match operation:
        case AddLine():
            line = CartLine(
                line_id=_next_line_id(cart),
                product_id=operation.product_id,
                quantity=operation.quantity,
                selections=operation.selections,
                add_ons=operation.add_ons,
                note=operation.note,
            )
            return _with_lines(cart, (*cart.lines, line))
        case ChangeLine(line=new):
            lines = tuple(new if old.line_id == new.line_id else old for old in cart.lines)
            return _with_lines(cart, lines)
        case RemoveLine():
            return _remove_units(cart, operation)
        case SetOrderChoice():
            choices = {**cart.order_choices, operation.choice_id: operation.option_id}
            return replace(cart, order_choices=MappingProxyType(choices))
        case ClearCart():
            return Cart(promotion_codes=cart.promotion_codes)


def _remove_units(cart: Cart, removal: RemoveLine) -> Cart:
    line = cart.line(removal.line_id)
    if line is None:
        return cart
    left = 0 if removal.quantity is None else line.quantity - removal.quantity
    return _with_lines(
        cart, tuple(replace(old, quantity=left) if old is line else old for old in cart.lines)
    )


def _with_lines(cart: Cart, lines: tuple[CartLine, ...]) -> Cart:
    merged: dict[tuple[object, ...], CartLine] = {}
    for line in lines:
        if line.quantity <= 0:
            continue
        first = merged.get(content := _content(line))
        total = line.quantity + (first.quantity if first else 0)
        merged[content] = replace(first or line, quantity=min(total, MAX_LINE_QUANTITY))
    return replace(cart, lines=tuple(merged.values()))


def _content(line: CartLine) -> tuple[object, ...]:
    return (line.product_id, frozenset(line.selections), frozenset(line.add_ons), line.note)


def _next_line_id(cart: Cart) -> str:
    numbers = [int(line.line_id[1:]) for line in cart.lines if line.line_id[1:].isdigit()]
    return f"l{max(numbers, default=0) + 1}"
