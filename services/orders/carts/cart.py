"""A cart as a value: what a guest has chosen so far, never how it was said.

Only explicit choices are kept. What the catalog fills in by default is resolved when a
quote is made, so a default changed by the tenant does not rewrite carts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Selection:
    """A chosen option. Quantity 0 takes away an option the product has by default."""

    group_id: str
    option_id: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class AddOnSelection:
    """A chosen add-on; ``quantity`` is per unit of the line."""

    add_on_id: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class CartLine:
    """``quantity`` units of one product, all made the same way.

    ``line_id`` is unique in the cart and stays with the line while it changes. ``note`` is
    what the kitchen must know and no option says.
    """

    line_id: str
    product_id: str
    quantity: int = 1
    selections: tuple[Selection, ...] = ()
    add_ons: tuple[AddOnSelection, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the order they were asked for, and the chosen options of order choices.

    ``promotion_codes`` are as the guest wrote them.
    """

    lines: tuple[CartLine, ...] = ()
    order_choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    promotion_codes: tuple[str, ...] = ()

    def line(self, line_id: str) -> CartLine | None:
        """Return the line with this id, or None."""
        return next((line for line in self.lines if line.line_id == line_id), None)
