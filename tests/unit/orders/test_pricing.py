"""What a cart comes to."""

from hypothesis import given
from hypothesis import strategies as st

from services.orders.carts.cart import AddOnSelection, Cart
from services.orders.carts.pricing import PricedLine, price
from tests.unit.orders.menus import CATALOG, cart, line


def priced(*selections: tuple[str, str] | tuple[str, str, int]) -> PricedLine:
    return price(cart(line("pizza", *selections)), CATALOG).lines[0]


def options(of: PricedLine) -> dict[tuple[str, str], tuple[int, bool]]:
    return {(o.group_id, o.option_id): (o.quantity, o.is_default) for o in of.options}


def test_a_line_has_its_groups_defaults() -> None:
    assert options(priced()) == {("size", "medium"): (1, True), ("greens", "basil"): (1, True)}


def test_a_choice_replaces_the_default_of_a_choose_one_group() -> None:
    large = priced(("size", "large"))
    assert options(large)["size", "large"] == (1, False)
    assert ("size", "medium") not in options(large)
    assert large.unit_price == 1100


def test_choosing_the_default_is_a_choice() -> None:
    assert options(priced(("size", "medium")))["size", "medium"] == (1, False)


def test_a_choose_one_group_without_a_default_is_left_open() -> None:
    assert not [o for o in priced().options if o.group_id == "sauce"]
    assert priced(("sauce", "hot")).unit_price == 1020


def test_what_is_chosen_of_many_stands_beside_the_defaults() -> None:
    both = options(priced(("greens", "rocket")))
    assert both["greens", "basil"] == (1, True)
    assert both["greens", "rocket"] == (1, False)


def test_a_default_can_be_done_without() -> None:
    assert options(priced(("greens", "basil", 0)))["greens", "basil"] == (0, False)


def test_counted_options_cost_each_time() -> None:
    assert priced(("extras", "olives", 2)).unit_price == 1000 + 2 * 110


def test_add_ons_are_for_each_unit() -> None:
    dips = (AddOnSelection("dip", 2),)
    whole = price(cart(line("pizza", quantity=3, add_ons=dips)), CATALOG)
    assert whole.lines[0].unit_price == 1000 + 2 * 90
    assert whole.total == 3 * (1000 + 2 * 90)


def test_an_order_choice_is_paid_once() -> None:
    lines = (line("pizza", quantity=2), line("water", line_id="l2"))
    assert price(cart(*lines), CATALOG).total == 2200
    delivered = price(cart(*lines, way="delivery"), CATALOG)
    assert delivered.total == 2550
    assert [(c.option_id, c.is_default) for c in delivered.choices] == [("delivery", False)]


def test_the_default_of_an_order_choice_is_said_to_be_one() -> None:
    (choice,) = price(cart(line("water")), CATALOG).choices
    assert (choice.option_id, choice.is_default) == ("pickup", True)


def test_nothing_costs_nothing() -> None:
    assert price(cart(way="delivery"), CATALOG).total == 0
    assert price(Cart(), CATALOG).total == 0


def test_no_unit_costs_less_than_nothing() -> None:
    assert price(cart(line("sample", ("size", "small"))), CATALOG).total == 0


@given(
    quantity=st.integers(1, 99),
    size=st.sampled_from(["small", "medium", "large"]),
    olives=st.integers(0, 3),
    dips=st.integers(1, 2),
)
def test_a_line_is_its_units_and_a_unit_its_parts(
    quantity: int, size: str, olives: int, dips: int
) -> None:
    add_ons = (AddOnSelection("dip", dips),)
    selections = (("size", size), ("extras", "olives", olives))
    whole = price(cart(line("pizza", *selections, quantity=quantity, add_ons=add_ons)), CATALOG)
    (only,) = whole.lines
    parts = sum(o.quantity * o.price_delta for o in only.options)
    assert only.unit_price == 1000 + parts + dips * 90
    assert whole.total == only.total == quantity * only.unit_price
