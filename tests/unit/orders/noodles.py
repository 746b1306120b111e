"""A noodle bar, and its carts in one line of text."""

from services.orders.carts.cart import Cart, CartLine, Selection
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
    "size",
    "Size",
    OptionKind.ONE,
    (Option("small", "Small"), Option("regular", "Regular"), Option("large", "Large", ("big",))),
    ("regular",),
)
BROTH = OptionGroup(
    "broth",
    "Broth",
    OptionKind.ONE,
    (
        Option("no-broth", "No Broth", ("dry",)),
        Option("miso", "Miso Broth"),
        Option("soy", "Soy Broth", ("shoyu",)),
        Option("truffle", "Truffle Broth", available=False),
    ),
    ("miso",),
)
HEAT = OptionGroup(
    "heat", "Heat", OptionKind.ONE, (Option("mild", "Mild"), Option("spicy", "Spicy")), ("mild",)
)
GARNISH = OptionGroup(
    "garnish",
    "Garnish",
    OptionKind.MANY,
    (Option("scallions", "Scallions"), Option("sesame", "Sesame"), Option("nori", "Nori")),
    ("scallions", "sesame"),
)
SIDES = OptionGroup(
    "eggs", "Eggs", OptionKind.QUANTITY, (Option("egg", "Soft Egg", ("egg",)),), max_quantity=3
)
LEAVES = OptionGroup(
    "leaf",
    "Leaf",
    OptionKind.ONE,
    (Option("sencha", "Sencha"), Option("jasmine", "Jasmine", ("jasmine tea",))),
    ("sencha",),
)
_BOWL = ("size", "broth", "heat", "garnish", "eggs")
NOODLE_BAR = Catalog(
    currency="EUR",
    language="en",
    products=(
        Product("ramen", "Ramen", "Noodles", price=1200, option_group_ids=_BOWL,
                add_on_ids=("chili-oil", "corn")),
        Product("udon", "Udon", "Noodles", price=1100, option_group_ids=_BOWL,
                add_on_ids=("chili-oil", "corn")),
        Product("gyoza", "Pork Gyoza", "Bites", synonyms=("pork dumplings",), price=600),
        Product("veg-gyoza", "Vegetable Gyoza", "Bites", price=600),
        Product("mochi", "Mochi", "Sweets", price=300, available=False),
        Product("tea", "Pot of Tea", "Drinks", synonyms=("tea",), price=350,
                option_group_ids=("leaf",)),
        Product("cola", "Cola", "Drinks", price=250),
    ),
    option_groups=(SIZE, BROTH, HEAT, GARNISH, SIDES, LEAVES),
    add_ons=(
        AddOn("chili-oil", "Chili Oil", price=50, max_quantity=2),
        AddOn("corn", "Sweet Corn", price=80),
    ),
    order_choices=(
        OrderChoice(
            "way",
            "Here or to go",
            (Option("here", "Here", ("eat in", "for here")), Option("go", "To Go", ("takeaway",))),
            "here",
        ),
    ),
)  # fmt: skip


def shown(cart: Cart) -> str:
    """The cart as "2 ramen large +corn (note); 1 cola; way=go"."""
    choices = [f"{choice}={option}" for choice, option in sorted(cart.order_choices.items())]
    return "; ".join([*(_line(line) for line in cart.lines), *choices])


def _line(line: CartLine) -> str:
    options = [_option(s) for s in sorted(line.selections, key=lambda s: s.option_id)]
    add_ons = [
        f"+{a.add_on_id}" + (f"x{a.quantity}" if a.quantity > 1 else "") for a in line.add_ons
    ]
    note = [f"({line.note})"] if line.note else []
    return " ".join([str(line.quantity), line.product_id, *options, *add_ons, *note])


def _option(selection: Selection) -> str:
    if selection.quantity == 0:
        return f"-{selection.option_id}"
    return selection.option_id + (f"x{selection.quantity}" if selection.quantity > 1 else "")
