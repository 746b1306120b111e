"""Whether a cart fits the catalog, and can be had."""

import pytest

from services.orders.carts.cart import AddOnSelection, Cart
from services.orders.carts.fitting import CartDoesNotFit, check, sold_out
from tests.unit.orders.menus import CATALOG, cart, line


def paths(wanted: Cart) -> list[str]:
    with pytest.raises(CartDoesNotFit) as misfit:
        check(wanted, CATALOG)
    return [problem.path for problem in misfit.value.problems]


def test_a_cart_of_what_is_offered_fits() -> None:
    dips = (AddOnSelection("dip", 2),)
    check(
        cart(
            line("pizza", ("size", "large"), ("extras", "olives", 3), add_ons=dips),
            line("water", line_id="l2"),
            way="delivery",
        ),
        CATALOG,
    )
    check(Cart(), CATALOG)


def test_every_problem_is_named_at_its_place() -> None:
    wanted = cart(
        line("unicorn"),
        line("pizza", ("size", "huge"), ("wings", "two"), line_id="l2"),
        line("water", add_ons=(AddOnSelection("dip"),), line_id="l3"),
        way="teleport",
    )
    assert paths(wanted) == [
        "lines[0].product_id",
        "lines[1].options[0]",
        "lines[1].options[1]",
        "lines[2].add_ons[0]",
        "order_choices",
    ]


def test_line_ids_are_unique() -> None:
    assert paths(cart(line("water"), line("water"))) == ["lines[0].line_id", "lines[1].line_id"]


def test_only_one_of_a_choose_one_group_can_be_had() -> None:
    assert paths(cart(line("pizza", ("size", "small"), ("size", "large")))) == ["lines[0].options"]


def test_an_option_is_named_once() -> None:
    twice = cart(line("pizza", ("greens", "rocket"), ("greens", "rocket")))
    assert paths(twice) == ["lines[0].options[0]", "lines[0].options[1]"]


def test_only_counted_options_are_counted() -> None:
    assert paths(cart(line("pizza", ("greens", "rocket", 2)))) == ["lines[0].options"]


def test_counted_options_have_a_limit_together() -> None:
    check(cart(line("pizza", ("extras", "olives", 2), ("extras", "ham", 1))), CATALOG)
    over = cart(line("pizza", ("extras", "olives", 2), ("extras", "ham", 2)))
    assert paths(over) == ["lines[0].options"]


def test_add_ons_have_a_limit() -> None:
    assert paths(cart(line("pizza", add_ons=(AddOnSelection("dip", 3),)))) == [
        "lines[0].add_ons[0]"
    ]


def test_what_is_sold_out_is_named_once() -> None:
    wanted = cart(
        line("soup"),
        line("soup", quantity=2, line_id="l2"),
        line("pizza", ("extras", "ham"), line_id="l3"),
        way="drone",
    )
    assert sold_out(wanted, CATALOG) == ("soup", "ham", "drone")


def test_what_is_done_without_is_not_missed() -> None:
    assert sold_out(cart(line("pizza", ("extras", "ham", 0))), CATALOG) == ()
