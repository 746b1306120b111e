"""A small menu, and carts of it."""

from types import MappingProxyType

from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection
from services.orders.catalog.model import (
    AddOn,
    Catalog,
    Option,
    OptionGroup,
    OptionKind,
    OrderChoice,
    Product,
)

SIZE = OptionGroup(
    id="size",
    name="Size",
    kind=OptionKind.ONE,
    options=(
        Option("small", "Small", price_delta=-50),
        Option("medium", "Medium"),
        Option("large", "Large", price_delta=100),
    ),
    default_option_ids=("medium",),
)
SAUCE = OptionGroup(
    id="sauce",
    name="Sauce",
    kind=OptionKind.ONE,
    options=(Option("mild", "Mild"), Option("hot", "Hot", price_delta=20)),
)
GREENS = OptionGroup(
    id="greens",
    name="Greens",
    kind=OptionKind.MANY,
    options=(Option("basil", "Basil"), Option("rocket", "Rocket", price_delta=30)),
    default_option_ids=("basil",),
)
EXTRAS = OptionGroup(
    id="extras",
    name="Extras",
    kind=OptionKind.QUANTITY,
    options=(
        Option("olives", "Olives", price_delta=110),
        Option("ham", "Ham", price_delta=170, available=False),
    ),
    max_quantity=3,
)
CATALOG = Catalog(
    currency="EUR",
    language="en",
    products=(
        Product(
            id="pizza",
            name="Pizza",
            category="Food",
            price=1000,
            option_group_ids=("size", "sauce", "greens", "extras"),
            add_on_ids=("dip",),
        ),
        Product(id="water", name="Still water", category="Drinks", price=200),
        Product(id="soup", name="Soup of the day", price=500, available=False),
        Product(id="sample", name="Sample", price=10, option_group_ids=("size",)),
    ),
    option_groups=(SIZE, SAUCE, GREENS, EXTRAS),
    add_ons=(AddOn("dip", "Dip", price=90, max_quantity=2),),
    order_choices=(
        OrderChoice(
            id="way",
            name="How you get it",
            options=(
                Option("pickup", "Pickup"),
                Option("delivery", "Delivery", price_delta=350),
                Option("drone", "Drone", available=False),
            ),
            default_option_id="pickup",
        ),
    ),
)


def line(
    product_id: str,
    *selections: tuple[str, str] | tuple[str, str, int],
    quantity: int = 1,
    add_ons: tuple[AddOnSelection, ...] = (),
    line_id: str = "l1",
    note: str = "",
) -> CartLine:
    """A line with options as (group, option) or (group, option, quantity)."""
    chosen = tuple(Selection(*selection) for selection in selections)
    return CartLine(line_id, product_id, quantity, chosen, add_ons, note)


def cart(*lines: CartLine, **choices: str) -> Cart:
    """A cart of lines, with options of order choices by choice id."""
    return Cart(lines, MappingProxyType(choices))
