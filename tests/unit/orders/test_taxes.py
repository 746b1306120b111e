"""What of a cart is tax."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.orders.carts.cart import Cart, CartLine
from services.orders.carts.convert import from_cart
from services.orders.carts.pricing import PricedCart, PricedChoice, price
from services.orders.carts.taxes import Tax, spread
from services.orders.catalog.model import Catalog, Category, Product
from services.orders.promotions.customer import Customer
from services.orders.promotions.discount import Discount
from services.orders.promotions.promotion import Bundle, BundlePart, Promotion, Scope
from services.orders.promotions.redeeming import redeem

FOOD = Category("Food", tax_rate=700)
MENU = Catalog(
    "EUR",
    "en",
    (
        Product("soup", "Soup", "Food", price=1070),
        Product("beer", "Beer", "Drinks", price=1190),
        Product("stamp", "Stamp", "Post", price=95, tax_rate=0),
    ),
    categories=(FOOD,),
    default_tax_rate=1900,
)
NET = replace(MENU, prices_exclude_tax=True)
AMOUNTS = st.dictionaries(st.sampled_from((0, 700, 1900, 2550)), st.integers(0, 10**7), min_size=1)


def priced(menu: Catalog, **quantities: int) -> PricedCart:
    lines = tuple(CartLine(id_, id_, quantity) for id_, quantity in quantities.items())
    return price(Cart(lines), menu)


def off(amount: int, line_id: str = "") -> Discount:
    return Discount("offer", "Offer", "because", amount, line_id)


def test_a_product_has_its_own_rate_its_categorys_or_the_catalogs() -> None:
    assert [MENU.tax_rate_of(product) for product in MENU.products] == [700, 1900, 0]


def test_included_tax_is_told_and_changes_no_total() -> None:
    cart = priced(MENU, soup=1, beer=1, stamp=1)
    assert cart.taxes == (Tax(700, 1000, 70, True), Tax(1900, 1000, 190, True))
    assert cart.payable == cart.total == 1070 + 1190 + 95


def test_tax_that_prices_exclude_is_added_to_what_is_paid() -> None:
    cart = priced(NET, soup=1, beer=1)
    assert cart.taxes == (Tax(700, 1070, 75, False), Tax(1900, 1190, 226, False))
    assert cart.payable == 1070 + 1190 + 75 + 226


def test_a_catalog_without_tax_tells_of_none() -> None:
    plain = replace(MENU, categories=(), default_tax_rate=0)
    assert priced(plain, soup=2, beer=1).taxes == ()
    assert not from_cart(priced(plain, soup=1)).taxes


def test_what_is_off_a_line_lessens_the_tax_of_its_rate_alone() -> None:
    cart = replace(priced(MENU, soup=1, beer=1), discounts=(off(1070, "soup"),))
    assert cart.taxes == (Tax(1900, 1000, 190, True),)


def test_what_is_off_the_order_lessens_all_rates_in_proportion() -> None:
    cart = replace(priced(NET, soup=1, beer=1), discounts=(off(226),))
    assert [tax.taxable for tax in cart.taxes] == [963, 1071]
    assert cart.payable == 963 + 1071 + 67 + 203


def test_what_is_off_a_bundle_lessens_the_rates_of_what_it_is_made_of() -> None:
    menu = replace(NET, products=(*NET.products, Product("cake", "Cake", "Food", price=530)))
    cart = priced(menu, soup=1, beer=1, stamp=1, cake=1)
    bundle = replace(off(260), bundled=(("beer", 1190), ("cake", 530), ("stamp", 95)))
    # 260 × 530 ÷ 1815 is 75.92, × 1190 it is 170.47 and × 95 it is 13.61.
    cart = replace(cart, discounts=(bundle,))
    assert [tax.taxable for tax in cart.taxes] == [1070 + 530 - 76, 1190 - 170]
    for lines in itertools.permutations(bundle.bundled):
        again = replace(cart, discounts=(replace(bundle, bundled=lines),))
        assert again.taxes == cart.taxes


def test_a_bundle_of_one_rate_leaves_the_others_as_they_are() -> None:
    lunch = Promotion(
        "lunch",
        "Lunch",
        Bundle((BundlePart(Scope(categories=frozenset({"Food"})), 2),), amount_off=400),
    )
    cart = priced(MENU, soup=2, beer=1)
    redeemed = redeem(cart, MENU, [lunch], (), datetime(2026, 7, 15, tzinfo=UTC), Customer()).cart
    assert [tax.taxable + tax.amount for tax in redeemed.taxes] == [2140 - 400, 1190]


def test_a_choice_about_the_whole_order_is_taxed_as_the_order_is() -> None:
    choice = PricedChoice("where", "away", "To go", is_default=False, price_delta=226)
    cart = replace(priced(NET, soup=1, beer=1), choices=(choice,))
    assert [tax.taxable for tax in cart.taxes] == [1177, 1309]


def test_tax_is_rounded_half_up_once_for_each_rate() -> None:
    cheap = replace(NET, products=(Product("gum", "Gum", price=5, tax_rate=1000),))
    # Half a cent each, and one and a half for all three.
    assert priced(cheap, gum=1).taxes == (Tax(1000, 5, 1, False),)
    assert priced(cheap, gum=3).taxes == (Tax(1000, 15, 2, False),)


@given(AMOUNTS, st.integers(0, 10**7), st.booleans())
def test_a_spread_amount_is_spread_to_the_last_unit(
    amounts: dict[int, int], size: int, is_off: bool
) -> None:
    difference = -min(size, sum(amounts.values())) if is_off else size
    after = spread(difference, amounts)
    assert sum(after.values()) == sum(amounts.values()) + difference
    assert min(after.values()) >= 0
    assert spread(difference, dict(reversed(amounts.items()))) == after


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 10),
    st.integers(0, 5000),
    st.booleans(),
)
def test_taxes_reconcile_with_what_is_paid(
    soup: int, beer: int, stamp: int, discount: int, is_net: bool
) -> None:
    wanted = {"soup": soup, "beer": beer, "stamp": stamp}
    cart = priced(NET if is_net else MENU, **{id_: n for id_, n in wanted.items() if n})
    if discount := min(discount, cart.total):
        cart = replace(cart, discounts=(off(discount),))
    taxed = sum(tax.taxable + tax.amount for tax in cart.taxes)
    free = cart.payable - taxed
    assert free >= 0
    assert free == 0 or stamp
    for tax in cart.taxes:
        exact = Decimal(tax.taxable + (tax.amount if tax.is_included else 0))
        factor = Decimal(10_000 + tax.rate if tax.is_included else 10_000)
        net = exact * 10_000 / factor
        assert tax.taxable == int(net.quantize(Decimal(1), ROUND_HALF_UP))


def test_the_wire_tells_every_rate() -> None:
    message = from_cart(priced(NET, soup=1, beer=1))
    assert [
        (t.rate_basis_points, t.taxable_minor, t.tax_minor, t.included) for t in message.taxes
    ] == [
        (700, 1070, 75, False),
        (1900, 1190, 226, False),
    ]
    assert (message.total_minor, message.payable_minor) == (2260, 2561)
