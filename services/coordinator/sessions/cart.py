"""The cart of a conversation: a value with the names and prices that orders gave it.

Amounts are minor units of `currency_code`. Only orders says what fits the catalog; here a cart is
kept, shown and recognised again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a line. `quantity` is None where options of the group are not counted."""

    option_group_id: str
    option_id: str
    option_name: str = ""
    quantity: int | None = None
    is_default: bool = False
    price_delta_minor: int = 0


@dataclass(frozen=True, slots=True)
class AddOn:
    """An extra, `quantity` times on each of the line."""

    add_on_id: str
    add_on_name: str = ""
    quantity: int = 1
    price_minor: int = 0


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """A choice about the whole order."""

    order_choice_id: str
    option_id: str
    option_name: str = ""
    is_default: bool = False
    price_delta_minor: int = 0


@dataclass(frozen=True, slots=True)
class CartLine:
    """`quantity` of one product, made one way."""

    line_id: str
    product_id: str
    quantity: int
    product_name: str = ""
    options: tuple[Option, ...] = ()
    add_ons: tuple[AddOn, ...] = ()
    note: str = ""
    unit_price_minor: int = 0
    total_minor: int = 0


@dataclass(frozen=True, slots=True)
class Discount:
    """What one promotion takes off, above 0, and why in one sentence.

    `line_id` is the line it is about; empty for several lines or the whole cart.
    """

    promotion_id: str
    display_name: str
    reason: str
    amount_minor: int
    line_id: str = ""


@dataclass(frozen=True, slots=True)
class Tax:
    """Tax of one rate, in basis points, of what costs `taxable_minor` without it.

    `included` says that prices have it in them; otherwise it is added to what is paid.
    """

    rate_basis_points: int
    taxable_minor: int
    tax_minor: int
    included: bool


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the order they were added, choices about the whole order, what is off, and taxes.

    `total_minor` is before discounts; `promotion_codes` are those the guest has named.
    """

    lines: tuple[CartLine, ...] = ()
    order_choices: tuple[OrderChoice, ...] = ()
    total_minor: int = 0
    currency_code: str = ""
    promotion_codes: tuple[str, ...] = ()
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()

    @property
    def added_tax_minor(self) -> int:
        """Tax that is not in the prices."""
        return sum(tax.tax_minor for tax in self.taxes if not tax.included)

    @property
    def payable_minor(self) -> int:
        """What the guest would pay: the total less the discounts, with tax that is added."""
        off = sum(discount.amount_minor for discount in self.discounts)
        return self.total_minor - off + self.added_tax_minor

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to order."""
        return not self.lines


@dataclass(frozen=True, slots=True)
class Focus:
    """What the conversation is about, as orders' parser asked to have it back."""

    line_id: str = ""
    candidate_ids: tuple[str, ...] = ()
    phrase: str = ""
    pending_text: str = ""


def fingerprint(cart: Cart) -> str:
    """SHA-256 in hexadecimal of all that a guest approves: what, how made, how many, for how much.

    Ids of lines do not count, so the same cart said another way is the same cart. What is to be
    paid counts as total and discounts.
    """
    content = _content(cart)
    for part in (*content["lines"], *content["discounts"]):
        del part["line_id"]
    # A cart without promotions or taxes is recognised by what was stored before there were any.
    for name in ("promotion_codes", "discounts", "taxes"):
        if not content[name]:
            del content[name]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def is_alike(cart: Cart, other: Cart) -> bool:
    """Whether a guest would call them the same: also two empty ones, whatever their defaults."""
    if cart.is_empty and other.is_empty:
        return _chosen(cart) == _chosen(other)
    return cart == other


def _chosen(cart: Cart) -> frozenset[tuple[str, str]]:
    return frozenset(
        (choice.order_choice_id, choice.option_id)
        for choice in cart.order_choices
        if not choice.is_default
    )


def without(cart: Cart, ids: frozenset[str]) -> Cart:
    """The cart less the lines of these products, and less these options and extras on others."""
    lines = tuple(
        CartLine(
            line_id=line.line_id,
            product_id=line.product_id,
            quantity=line.quantity,
            product_name=line.product_name,
            options=tuple(option for option in line.options if option.option_id not in ids),
            add_ons=tuple(add_on for add_on in line.add_ons if add_on.add_on_id not in ids),
            note=line.note,
        )
        for line in cart.lines
        if line.product_id not in ids
    )
    choices = tuple(choice for choice in cart.order_choices if choice.option_id not in ids)
    return Cart(
        lines, choices, currency_code=cart.currency_code, promotion_codes=cart.promotion_codes
    )


def names_of(cart: Cart, ids: frozenset[str]) -> tuple[str, ...]:
    """The names the cart knows for these products, options and extras, each once."""
    named = [
        pair
        for line in cart.lines
        for pair in (
            (line.product_id, line.product_name),
            *((option.option_id, option.option_name) for option in line.options),
            *((add_on.add_on_id, add_on.add_on_name) for add_on in line.add_ons),
        )
    ]
    named += [(choice.option_id, choice.option_name) for choice in cart.order_choices]
    return tuple(dict.fromkeys(name for id_, name in named if id_ in ids))


def to_json(cart: Cart) -> dict[str, Any]:
    """The cart as JSON; `from_json` reads it back."""
    return {**_content(cart), "payable_minor": cart.payable_minor}


def from_json(document: Mapping[str, Any]) -> Cart:
    """The cart that `to_json` wrote."""
    return Cart(
        lines=tuple(
            CartLine(
                **{
                    **line,
                    "options": tuple(Option(**option) for option in line["options"]),
                    "add_ons": tuple(AddOn(**add_on) for add_on in line["add_ons"]),
                }
            )
            for line in document["lines"]
        ),
        order_choices=tuple(OrderChoice(**choice) for choice in document["order_choices"]),
        total_minor=document["total_minor"],
        currency_code=document["currency_code"],
        # Carts stored before there were promotions and taxes have none of these.
        promotion_codes=tuple(document.get("promotion_codes", ())),
        discounts=tuple(Discount(**discount) for discount in document.get("discounts", ())),
        taxes=tuple(Tax(**tax) for tax in document.get("taxes", ())),
    )


def focus_to_json(focus: Focus) -> dict[str, Any]:
    """The focus as JSON."""
    return _fields(focus)


def focus_from_json(document: Mapping[str, Any]) -> Focus:
    """The focus that `focus_to_json` wrote."""
    return Focus(**{**document, "candidate_ids": tuple(document["candidate_ids"])})


def _content(cart: Cart) -> dict[str, Any]:
    # A turn writes carts a dozen times, and dataclasses.asdict copies every value on its way.
    return {
        **_fields(cart),
        "lines": [
            {
                **_fields(line),
                "options": [_fields(option) for option in line.options],
                "add_ons": [_fields(add_on) for add_on in line.add_ons],
            }
            for line in cart.lines
        ],
        "order_choices": [_fields(choice) for choice in cart.order_choices],
        "discounts": [_fields(discount) for discount in cart.discounts],
        "taxes": [_fields(tax) for tax in cart.taxes],
    }


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
