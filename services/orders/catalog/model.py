"""A tenant's catalog as a value: what can be sold, how it can be varied, what it costs.

Prices are integers in the minor unit of ``Catalog.currency``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.orders.hours import Window

# Basis points.
_WHOLE = 10_000


class OptionKind(Enum):
    """How many options of a group one line may carry."""

    ONE = "one"  # exactly one; without a default the group is optional and never asked for
    MANY = "many"  # any set of options, each at most once
    QUANTITY = "quantity"  # any set of options, each counted


class InvalidCatalog(ValueError):
    """The catalog contradicts itself. ``problems`` lists every contradiction found."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True)
class Option:
    """One value of an option group. ``price_delta`` is added per unit of the line."""

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    price_delta: int = 0
    available: bool = True


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """A question a product may be varied by, such as a size or a choice of toppings.

    ``max_quantity`` bounds one option of a QUANTITY group and is 1 for the other kinds.
    """

    id: str
    name: str
    kind: OptionKind
    options: tuple[Option, ...]
    default_option_ids: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    max_quantity: int = 1

    def option(self, option_id: str) -> Option | None:
        """Return the option with this id, or None."""
        return next((o for o in self.options if o.id == option_id), None)


@dataclass(frozen=True, slots=True)
class AddOn:
    """An extra sold with a product, at most ``max_quantity`` times per unit of the line."""

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    price: int = 0
    available: bool = True
    max_quantity: int = 1


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """A choice made once for the whole order, such as eating here or taking away."""

    id: str
    name: str
    options: tuple[Option, ...]
    default_option_id: str | None = None
    synonyms: tuple[str, ...] = ()

    def option(self, option_id: str) -> Option | None:
        """Return the option with this id, or None."""
        return next((o for o in self.options if o.id == option_id), None)


@dataclass(frozen=True, slots=True)
class Product:
    """Something a guest can order.

    ``attributes`` are (name, value) facts that answer questions, such as ("size", "12 oz");
    ``allergens`` lists what the product is known to contain. ``option_group_ids`` and
    ``add_on_ids`` are what the product may be varied by. ``tax_rate`` is in basis points, None for
    that of its category; it is served in any of ``windows``, or always where there are none.
    ``available`` is False for what is sold out.
    """

    id: str
    name: str
    category: str = ""
    description: str = ""
    synonyms: tuple[str, ...] = ()
    price: int = 0
    allergens: tuple[str, ...] = ()
    option_group_ids: tuple[str, ...] = ()
    add_on_ids: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    available: bool = True
    tax_rate: int | None = None
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Category:
    """A heading, and what holds for the products under it unless they say otherwise.

    Products under it are served when one of its ``windows`` is open and one of their own is.
    """

    name: str
    tax_rate: int | None = None
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything one tenant sells.

    ``language`` is a BCP 47 tag, ``currency`` ISO 4217, ``time_zone`` an IANA name.
    ``default_tax_rate`` is in basis points. Products may stand under headings that are no category.

    Raises InvalidCatalog when ids repeat or a reference leads nowhere.
    """

    currency: str
    language: str
    products: tuple[Product, ...]
    option_groups: tuple[OptionGroup, ...] = ()
    add_ons: tuple[AddOn, ...] = ()
    order_choices: tuple[OrderChoice, ...] = ()
    time_zone: str = "UTC"
    categories: tuple[Category, ...] = ()
    prices_exclude_tax: bool = False
    default_tax_rate: int = 0
    products_by_id: Mapping[str, Product] = field(init=False, repr=False, compare=False)
    groups_by_id: Mapping[str, OptionGroup] = field(init=False, repr=False, compare=False)
    add_ons_by_id: Mapping[str, AddOn] = field(init=False, repr=False, compare=False)
    choices_by_id: Mapping[str, OrderChoice] = field(init=False, repr=False, compare=False)
    categories_by_name: Mapping[str, Category] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = object.__setattr__
        index(self, "products_by_id", MappingProxyType({p.id: p for p in self.products}))
        index(self, "groups_by_id", MappingProxyType({g.id: g for g in self.option_groups}))
        index(self, "add_ons_by_id", MappingProxyType({a.id: a for a in self.add_ons}))
        index(self, "choices_by_id", MappingProxyType({c.id: c for c in self.order_choices}))
        index(self, "categories_by_name", MappingProxyType({c.name: c for c in self.categories}))
        if problems := tuple(_problems(self)):
            raise InvalidCatalog(problems)

    def groups_of(self, product: Product) -> tuple[OptionGroup, ...]:
        """Return the option groups the product may be varied by, in the product's order."""
        return tuple(self.groups_by_id[group_id] for group_id in product.option_group_ids)

    def add_ons_of(self, product: Product) -> tuple[AddOn, ...]:
        """Return the add-ons sold with the product, in the product's order."""
        return tuple(self.add_ons_by_id[add_on_id] for add_on_id in product.add_on_ids)

    @property
    def has_windows(self) -> bool:
        """Return whether anything is served at some times only."""
        return any(category.windows for category in self.categories) or any(
            product.windows for product in self.products
        )

    def tax_rate_of(self, product: Product) -> int:
        """Return the product's rate, its category's or the catalog's, in basis points."""
        category = self.categories_by_name.get(product.category)
        for rate in (product.tax_rate, category.tax_rate if category else None):
            if rate is not None:
                return rate
        return self.default_tax_rate


def _problems(catalog: Catalog) -> Iterable[str]:
    yield from _repeated("product", (p.id for p in catalog.products))
    yield from _repeated("option group", (g.id for g in catalog.option_groups))
    yield from _repeated("add-on", (a.id for a in catalog.add_ons))
    yield from _repeated("order choice", (c.id for c in catalog.order_choices))
    yield from _repeated("category", (c.name for c in catalog.categories))
    if not 0 <= catalog.default_tax_rate <= _WHOLE:
        yield "the default tax rate is not between 0 and 100 %"
    for category in catalog.categories:
        where = f"category {category.name}"
        if not category.name.strip():
            yield "a category has no name"
        yield from _terms_problems(where, category.tax_rate, category.windows)
    for product in catalog.products:
        yield from _product_problems(catalog, product)
    for group in catalog.option_groups:
        yield from _group_problems(group)
    for choice in catalog.order_choices:
        yield from _choice_problems(choice)
    if not _is_time_zone(catalog.time_zone):
        yield f"time zone {catalog.time_zone}: there is none of that name"
    for add_on in catalog.add_ons:
        if add_on.price < 0 or add_on.max_quantity < 1:
            yield f"add-on {add_on.id}: a negative price or no quantity allowed"


def _product_problems(catalog: Catalog, product: Product) -> Iterable[str]:
    where = f"product {product.id}"
    if not product.name.strip():
        yield f"{where}: no name"
    if product.price < 0:
        yield f"{where}: negative price"
    for group_id in product.option_group_ids:
        if group_id not in catalog.groups_by_id:
            yield f"{where}: unknown option group {group_id}"
    for add_on_id in product.add_on_ids:
        if add_on_id not in catalog.add_ons_by_id:
            yield f"{where}: unknown add-on {add_on_id}"
    yield from _repeated(f"{where} option group", product.option_group_ids)
    yield from _repeated(f"{where} add-on", product.add_on_ids)
    yield from _terms_problems(where, product.tax_rate, product.windows)


def _terms_problems(where: str, rate: int | None, windows: tuple[Window, ...]) -> Iterable[str]:
    if rate is not None and not 0 <= rate <= _WHOLE:
        yield f"{where}: a tax rate that is not between 0 and 100 %"
    for window in windows:
        if window.first_day and window.last_day and window.last_day < window.first_day:
            yield f"{where}: a window that ends before it begins"


def _group_problems(group: OptionGroup) -> Iterable[str]:
    where = f"option group {group.id}"
    if not group.options:
        yield f"{where}: no options"
    yield from _repeated(f"{where} option", (o.id for o in group.options))
    for option_id in group.default_option_ids:
        if group.option(option_id) is None:
            yield f"{where}: unknown default option {option_id}"
    if group.kind is OptionKind.ONE and len(group.default_option_ids) > 1:
        yield f"{where}: more than one default in a choose-one group"
    if group.max_quantity < 1:
        yield f"{where}: no quantity allowed"
    if group.kind is not OptionKind.QUANTITY and group.max_quantity != 1:
        yield f"{where}: only options of a quantity group are counted"


def _choice_problems(choice: OrderChoice) -> Iterable[str]:
    where = f"order choice {choice.id}"
    if not choice.options:
        yield f"{where}: no options"
    yield from _repeated(f"{where} option", (o.id for o in choice.options))
    if choice.default_option_id is not None and choice.option(choice.default_option_id) is None:
        yield f"{where}: unknown default option {choice.default_option_id}"


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _repeated(kind: str, ids: Iterable[str]) -> Iterable[str]:
    seen: set[str] = set()
    for id_ in ids:
        if id_ in seen:
            yield f"{kind} {id_}: id used twice"
        seen.add(id_)
