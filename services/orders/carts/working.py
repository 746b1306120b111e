"""The order as it stands while a text is being read: cart lines that can still be changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection
from services.orders.carts.operations import (
    MAX_LINE_QUANTITY,
    MAX_NOTE,
    AddLine,
    ChangeLine,
    ClearCart,
    Operation,
    RemoveLine,
    SetOrderChoice,
)
from services.orders.carts.tokens import words_of
from services.orders.catalog.model import Catalog, Option, OptionGroup, OptionKind, Product

_NONE_WORDS = frozenset({"no", "none", "without", "nothing"})


@dataclass(slots=True, eq=False)
class Draft:
    """A line in the making. ``line_id`` is empty for one the cart does not have yet."""

    product: Product
    quantity: int = 1
    line_id: str = ""
    selections: dict[tuple[str, str], int] = field(default_factory=dict)
    add_ons: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def copy(self, quantity: int = 1) -> "Draft":
        """Return a new line made the same way."""
        return Draft(
            self.product, quantity, "", dict(self.selections), dict(self.add_ons), list(self.notes)
        )


class WorkingOrder:
    """Drafts of all lines, and what can be done to them by the catalog's rules."""

    def __init__(self, cart: Cart, catalog: Catalog) -> None:
        self._cart = cart
        self._catalog = catalog
        self.drafts: list[Draft] = [_draft(line, catalog) for line in cart.lines]
        self.choices: dict[str, str] = {}

    def existing(self) -> tuple[Draft, ...]:
        """Return the drafts of lines the cart already had."""
        return tuple(draft for draft in self.drafts if draft.line_id)

    def by_line(self, line_id: str) -> Draft | None:
        """Return the draft of a line of the cart."""
        return next((d for d in self.drafts if line_id and d.line_id == line_id), None)

    def add(self, draft: Draft, after: Draft | None = None, before: Draft | None = None) -> Draft:
        """Put a draft behind or before another one, or at the end."""
        place = len(self.drafts)
        if before in self.drafts:
            place = self.drafts.index(before)
        elif after in self.drafts:
            place = self.drafts.index(after) + 1
        self.drafts.insert(place, draft)
        return draft

    def remove(self, draft: Draft, quantity: int | None = None) -> None:
        """Take a draft out, or some units of it."""
        draft.quantity = 0 if quantity is None else max(draft.quantity - quantity, 0)
        if draft.quantity == 0 and draft in self.drafts:
            self.drafts.remove(draft)

    def split(self, draft: Draft, quantity: int, after: Draft | None = None) -> Draft:
        """Make some units of a draft a draft of their own."""
        part = self.add(draft.copy(quantity), after=after or draft)
        self.remove(draft, quantity)
        return part

    def replace_product(self, draft: Draft, product: Product, carry: bool) -> None:
        """Turn a draft into another product, carrying over what that product offers too."""
        draft.product = product
        groups, add_ons = set(product.option_group_ids), set(product.add_on_ids)
        kept = carry
        draft.selections = {k: q for k, q in draft.selections.items() if kept and k[0] in groups}
        draft.add_ons = {k: q for k, q in draft.add_ons.items() if kept and k in add_ons}

    def choose(self, draft: Draft, group: OptionGroup, option: Option, quantity: int = 1) -> bool:
        """Choose an option on a draft that offers its group; False if only part of it fits."""
        if group.kind is OptionKind.ONE:
            self.unset(draft, group)
        if group.kind is not OptionKind.QUANTITY:
            draft.selections[group.id, option.id] = 1
            return True
        others = sum(
            q for (g, o), q in draft.selections.items() if g == group.id and o != option.id
        )
        fitting = min(quantity, group.max_quantity - others)
        if fitting > 0:
            draft.selections[group.id, option.id] = fitting
        return fitting == quantity

    def unset(self, draft: Draft, group: OptionGroup) -> None:
        """Return a group to its default."""
        draft.selections = {k: q for k, q in draft.selections.items() if k[0] != group.id}

    def decline(self, draft: Draft, group: OptionGroup, option: Option) -> bool:
        """Do without an option; False when the draft would not have had it anyway."""
        chosen = draft.selections.pop((group.id, option.id), 0) > 0
        if option.id not in group.default_option_ids:
            return chosen
        if group.kind is not OptionKind.ONE:
            draft.selections[group.id, option.id] = 0
            return True
        others = [o for o in group.options if o.id != option.id]
        instead = _none_option(group) or (others[0] if len(others) == 1 else None)
        if instead is not None:
            self.choose(draft, group, instead)
        return instead is not None

    def decline_group(self, draft: Draft, group: OptionGroup) -> bool:
        """Do without anything of a group; False when that cannot be said of it."""
        none = _none_option(group)
        if none is not None:
            self.choose(draft, group, none)
            return True
        self.unset(draft, group)
        if group.kind is OptionKind.ONE:
            return False
        for option_id in group.default_option_ids:
            draft.selections[group.id, option_id] = 0
        return True

    def operations(self) -> tuple[Operation, ...]:
        """Return what turns the cart into this order."""
        if self._cart.lines and not self.drafts:
            return (ClearCart(), *self._choice_operations())
        return (*self._line_operations(), *self._choice_operations())

    def _line_operations(self) -> Iterator[Operation]:
        for line in self._cart.lines:
            draft = self.by_line(line.line_id)
            if draft is None:
                yield RemoveLine(line.line_id)
            elif (new := _line(draft)) != _line(_draft(line, self._catalog)):
                yield ChangeLine(new)
        for draft in self.drafts:
            if not draft.line_id:
                new = _line(draft)
                yield AddLine(new.product_id, new.quantity, new.selections, new.add_ons, new.note)

    def _choice_operations(self) -> Iterable[Operation]:
        for choice_id, option_id in self.choices.items():
            default = self._catalog.choices_by_id[choice_id].default_option_id
            if self._cart.order_choices.get(choice_id, default) != option_id:
                yield SetOrderChoice(choice_id, option_id)


def _draft(line: CartLine, catalog: Catalog) -> Draft:
    return Draft(
        product=catalog.products_by_id[line.product_id],
        quantity=line.quantity,
        line_id=line.line_id,
        selections={(s.group_id, s.option_id): s.quantity for s in line.selections},
        add_ons={a.add_on_id: a.quantity for a in line.add_ons},
        notes=[line.note] if line.note else [],
    )


def _line(draft: Draft) -> CartLine:
    return CartLine(
        line_id=draft.line_id,
        product_id=draft.product.id,
        quantity=min(draft.quantity, MAX_LINE_QUANTITY),
        selections=tuple(
            Selection(group, option, quantity)
            for (group, option), quantity in sorted(draft.selections.items())
        ),
        add_ons=tuple(
            AddOnSelection(add_on, quantity) for add_on, quantity in sorted(draft.add_ons.items())
        ),
        note=", ".join(_distinct(draft.notes))[:MAX_NOTE],
    )


def _distinct(notes: list[str]) -> list[str]:
    """Leave out what another note says too."""
    unique = list(dict.fromkeys(notes))
    return [n for n in unique if not any(n != o and n.lower() in o.lower() for o in unique)]


def _none_option(group: OptionGroup) -> Option | None:
    return next((o for o in group.options if _NONE_WORDS & set(words_of(o.name)[:1])), None)
