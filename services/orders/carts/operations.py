"""Changes to a cart, and the one function that applies them.

Operations are facts about what was asked: they name catalog ids only, are already valid for
the product they touch, and applying the same ones to the same cart gives the same cart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection
from services.orders.catalog.model import Catalog, OptionKind

MAX_LINE_QUANTITY = 99


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
    """Change one line; what is left at its default stays as it is.

    ``quantity`` is the new quantity. ``selections`` and ``add_ons`` are set over what the
    line has (an add-on with quantity 0 is taken off); ``unset_groups`` returns option groups
    to their default. With ``units`` only so many units change and become a line of their own.
    """

    line_id: str
    product_id: str | None = None
    quantity: int | None = None
    units: int | None = None
    selections: tuple[Selection, ...] = ()
    unset_groups: tuple[str, ...] = ()
    add_ons: tuple[AddOnSelection, ...] = ()
    note: str | None = None


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


def apply(cart: Cart, operations: Iterable[Operation], catalog: Catalog) -> Cart:
    """Return the cart after the operations, in order.

    Lines that became identical are one line. New lines are numbered from the highest number
    in the cart, so ids depend only on the arguments. Operations on a line that is not there
    change nothing.
    """
    for operation in operations:
        cart = _apply_one(cart, operation, catalog)
    return cart


def _apply_one(cart: Cart, operation: Operation, catalog: Catalog) -> Cart:
    match operation:
        case AddLine():
            line = CartLine(
                line_id=_next_line_id(cart),
                product_id=operation.product_id,
                quantity=operation.quantity,
                selections=_set_selections((), operation.selections, catalog),
                add_ons=_set_add_ons((), operation.add_ons),
                note=operation.note,
            )
            return _with_lines(cart, (*cart.lines, line))
        case ChangeLine():
            return _change_line(cart, operation, catalog)
        case RemoveLine():
            return _remove_units(cart, operation)
        case SetOrderChoice():
            choices = {**cart.order_choices, operation.choice_id: operation.option_id}
            return replace(cart, order_choices=MappingProxyType(choices))
        case ClearCart():
            return Cart()


def _change_line(cart: Cart, change: ChangeLine, catalog: Catalog) -> Cart:
    line = cart.line(change.line_id)
    if line is None:
        return cart
    if change.units is not None and change.units < line.quantity:
        rest = replace(line, quantity=line.quantity - change.units)
        part = replace(line, line_id=_next_line_id(cart), quantity=change.units)
        changed = _changed(part, change, catalog)
        position = cart.lines.index(line)
        return _with_lines(cart, (*cart.lines[:position], rest, changed, *cart.lines[position + 1 :]))
    changed = _changed(line, change, catalog)
    return _with_lines(cart, tuple(changed if old is line else old for old in cart.lines))


def _changed(line: CartLine, change: ChangeLine, catalog: Catalog) -> CartLine:
    selections = tuple(s for s in line.selections if s.group_id not in change.unset_groups)
    add_ons = line.add_ons
    product_id = line.product_id
    if change.product_id is not None and change.product_id != product_id:
        product_id = change.product_id
        product = catalog.products_by_id[product_id]
        selections = tuple(s for s in selections if s.group_id in product.option_group_ids)
        add_ons = tuple(a for a in add_ons if a.add_on_id in product.add_on_ids)
    return replace(
        line,
        product_id=product_id,
        quantity=line.quantity if change.quantity is None else change.quantity,
        selections=_set_selections(selections, change.selections, catalog),
        add_ons=_set_add_ons(add_ons, change.add_ons),
        note=line.note if change.note is None else change.note,
    )


def _set_selections(
    old: tuple[Selection, ...], new: tuple[Selection, ...], catalog: Catalog
) -> tuple[Selection, ...]:
    kept = list(old)
    for selection in new:
        group = catalog.groups_by_id[selection.group_id]
        one = group.kind is OptionKind.ONE
        kept = [
            s
            for s in kept
            if s.group_id != selection.group_id or not (one or s.option_id == selection.option_id)
        ]
        is_default = selection.option_id in group.default_option_ids
        if selection.quantity > 0 or is_default:
            kept.append(selection)
    return tuple(sorted(kept, key=lambda s: (s.group_id, s.option_id)))


def _set_add_ons(
    old: tuple[AddOnSelection, ...], new: tuple[AddOnSelection, ...]
) -> tuple[AddOnSelection, ...]:
    quantities = {a.add_on_id: a.quantity for a in old}
    quantities.update({a.add_on_id: a.quantity for a in new})
    return tuple(AddOnSelection(id_, n) for id_, n in sorted(quantities.items()) if n > 0)


def _remove_units(cart: Cart, removal: RemoveLine) -> Cart:
    line = cart.line(removal.line_id)
    if line is None:
        return cart
    left = 0 if removal.quantity is None else line.quantity - removal.quantity
    return _with_lines(
        cart, tuple(replace(old, quantity=left) if old is line else old for old in cart.lines)
    )


def _with_lines(cart: Cart, lines: tuple[CartLine, ...]) -> Cart:
    merged: list[CartLine] = []
    for line in lines:
        if line.quantity <= 0:
            continue
        same = next((i for i, other in enumerate(merged) if _alike(line, other)), None)
        if same is None:
            merged.append(replace(line, quantity=min(line.quantity, MAX_LINE_QUANTITY)))
        else:
            total = min(merged[same].quantity + line.quantity, MAX_LINE_QUANTITY)
            merged[same] = replace(merged[same], quantity=total)
    return replace(cart, lines=tuple(merged))


def _alike(line: CartLine, other: CartLine) -> bool:
    return replace(line, line_id=other.line_id, quantity=other.quantity) == other


def _next_line_id(cart: Cart) -> str:
    numbers = [int(line.line_id[1:]) for line in cart.lines if line.line_id[1:].isdigit()]
    return f"l{max(numbers, default=0) + 1}"
