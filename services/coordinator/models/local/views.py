"""What the model reads from tools' answers: the menu and the outcome of a cart update.

The menu is the JSON form of ``maitred.orders.v1.Catalog`` in snake_case, whole or in part:
``currency_code``, ``products``, ``option_groups``, ``add_ons``, ``order_choices``. A cart update
carries ``ParseCartResponse``: ``cart``, ``operations`` (``product_id``), ``changed``,
``read_back``, ``ambiguities`` (``phrase``, ``candidate_names``), ``refusals`` (``kind``,
``phrase``, ``id``, ``product_id``), ``unparsed`` (``text``) and ``few`` (``name``, ``left``,
``one_line``). A suggestion has ``name``, ``price_minor`` and ``currency_code``; promotions
``discounts`` (``reason``), ``refusals`` (``code``, ``reason``) and ``read_back``. Fields that are
missing are empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """An option or an add-on; ``price_minor`` is what it adds."""

    name: str
    synonyms: tuple[str, ...]
    price_minor: int
    available: bool
    id: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A choice products offer, or one about the whole order."""

    id: str
    name: str
    synonyms: tuple[str, ...]
    options: tuple[Value, ...]
    default_option_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A product; ``served`` says when it is to be had, where it is only not served now."""

    id: str
    name: str
    category: str
    description: str
    synonyms: tuple[str, ...]
    price_minor: int
    allergens: tuple[str, ...]
    group_ids: tuple[str, ...]
    add_on_ids: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    available: bool
    served: str = ""


@dataclass(frozen=True, slots=True)
class MenuView:
    """The menu, as far as the tool told it."""

    currency_code: str
    items: tuple[Item, ...]
    groups: tuple[Group, ...]
    add_ons: tuple[Value, ...]
    choices: tuple[Group, ...]

    @property
    def has_prices(self) -> bool:
        """Whether anything costs something."""
        return any(item.price_minor for item in self.items)


NO_MENU = MenuView("", (), (), (), ())


@dataclass(frozen=True, slots=True)
class Question:
    """Words that fit several things, and their names."""

    phrase: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Something asked for and left out: ``kind`` is a RefusalKind's name without its prefix.

    ``served`` says when it is to be had, where it is only not served now.
    """

    kind: str
    phrase: str
    product_name: str = ""
    served: str = ""


@dataclass(frozen=True, slots=True)
class Scarce:
    """A product of which only ``left`` are left; ``one_line`` is whether one line has all of it."""

    name: str
    left: int
    one_line: bool


@dataclass(frozen=True, slots=True)
class UpdateView:
    """What became of the guest's words."""

    changed: bool
    is_empty: bool
    read_back: str
    questions: tuple[Question, ...]
    refusals: tuple[Refused, ...]
    unparsed: tuple[str, ...]
    spoken_of: str = ""
    was_reset: bool = False
    added: bool = False
    few: tuple[Scarce, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether the words were about nothing on the menu."""
        beside = self.questions or self.refusals or self.unparsed or self.was_reset
        return not (self.changed or beside)


@dataclass(frozen=True, slots=True)
class Suggested:
    """A product to offer."""

    name: str
    price_minor: int
    currency_code: str


@dataclass(frozen=True, slots=True)
class Promotions:
    """What became of codes: why something is off, and why codes (with their reasons) bring nothing.

    ``is_empty`` is whether there is no cart yet to use them on.
    """

    reasons: tuple[str, ...]
    refusals: tuple[tuple[str, str], ...]
    read_back: str
    is_empty: bool


def suggestion_of(document: _Json) -> Suggested | None:
    """Return the product a tool's answer suggests."""
    told = document.get("suggestion")
    if not told:
        return None
    return Suggested(str(told["name"]), int(told["price_minor"]), str(told["currency_code"]))


def promotions_of(document: _Json) -> Promotions:
    """Return what a tool's answer tells of codes."""
    return Promotions(
        tuple(dict.fromkeys(str(one["reason"]) for one in document.get("discounts", ()))),
        tuple((str(one["code"]), str(one["reason"])) for one in document.get("refusals", ())),
        str(document.get("read_back", "")),
        not document.get("ok"),
    )


def menu_of(document: _Json) -> MenuView:
    """Return the menu a tool's answer tells."""
    return MenuView(
        currency_code=str(document.get("currency_code", "")),
        items=tuple(_item(p) for p in document.get("products", ())),
        groups=tuple(_group(g, "option_group_id") for g in document.get("option_groups", ())),
        add_ons=tuple(_value(a, "add_on_id", "price_minor") for a in document.get("add_ons", ())),
        choices=tuple(_group(c, "order_choice_id") for c in document.get("order_choices", ())),
    )


def update_of(document: _Json) -> UpdateView:
    """Return the outcome a tool's answer tells."""
    cart: _Json = document.get("cart") or {}
    names = {
        line.get("product_id", ""): str(line.get("product_name", ""))
        for line in cart.get("lines", ())
    }
    return UpdateView(
        changed=bool(document.get("changed")),
        is_empty=not cart.get("lines"),
        read_back=str(document.get("read_back", "")),
        questions=tuple(
            Question(str(a["phrase"]), tuple(map(str, a.get("candidate_names", ()))))
            for a in document.get("ambiguities", ())
        ),
        refusals=tuple(
            Refused(
                str(r["kind"]).removeprefix("REFUSAL_KIND_").lower(),
                str(r["phrase"]),
                names.get(r.get("product_id", ""), ""),
                str(r.get("served", "")),
            )
            for r in document.get("refusals", ())
        ),
        unparsed=tuple(
            str(span["text"] if isinstance(span, Mapping) else span)
            for span in document.get("unparsed", ())
        ),
        spoken_of=_spoken_of(document, names),
        was_reset=bool(document.get("cart_was_reset")),
        added=any(one.get("kind") == "add_line" for one in document.get("operations", ())),
        few=few_of(document),
    )


def few_of(document: _Json) -> tuple[Scarce, ...]:
    """Return what a tool's answer says the cart has more of than are left."""
    return tuple(
        Scarce(str(one["name"]), int(one["left"]), bool(one["one_line"]))
        for one in document.get("few", ())
    )


def _spoken_of(document: _Json, names: Mapping[str, str]) -> str:
    """The product that was added or changed last, else the last one in the cart."""
    done = [names.get(str(o.get("product_id", "")), "") for o in document.get("operations", ())]
    return next(filter(None, reversed(done)), "") or next(reversed(list(names.values())), "")


def _item(product: _Json) -> Item:
    attributes: _Json = product.get("attributes") or {}
    return Item(
        id=str(product.get("product_id", "")),
        name=str(product["name"]),
        category=str(product.get("category", "")),
        description=str(product.get("description", "")),
        synonyms=tuple(product.get("synonyms", ())),
        price_minor=int(product.get("price_minor", 0)),
        allergens=tuple(product.get("allergens", ())),
        group_ids=tuple(product.get("option_group_ids", ())),
        add_on_ids=tuple(product.get("add_on_ids", ())),
        attributes=tuple((str(k), str(v)) for k, v in sorted(attributes.items())),
        available=not product.get("unavailable", False),
        served=str(product.get("served", "")),
    )


def _group(group: _Json, id_field: str) -> Group:
    default = group.get("default_option_id", "")
    return Group(
        id=str(group.get(id_field, "")),
        name=str(group["name"]),
        synonyms=tuple(group.get("synonyms", ())),
        options=tuple(_value(o, "option_id", "price_delta_minor") for o in group["options"]),
        default_option_ids=tuple(group.get("default_option_ids", ()))
        or ((default,) if default else ()),
    )


def _value(value: _Json, id_field: str, price_field: str) -> Value:
    return Value(
        name=str(value["name"]),
        synonyms=tuple(value.get("synonyms", ())),
        price_minor=int(value.get(price_field, 0)),
        available=not value.get("unavailable", False),
        id=str(value.get(id_field, "")),
    )
