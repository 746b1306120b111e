"""Carts keep their meaning on the way to a message and back."""

from maitred.orders.v1 import cart_pb2

from services.orders.carts.cart import AddOnSelection
from services.orders.carts.convert import from_cart, to_cart
from services.orders.carts.pricing import price
from tests.unit.orders.menus import CATALOG, cart, line


def test_a_priced_cart_read_back_is_the_cart() -> None:
    wanted = cart(
        line("pizza", ("size", "large"), ("greens", "basil", 0), quantity=2),
        line("pizza", ("extras", "olives", 2), add_ons=(AddOnSelection("dip"),), line_id="l2"),
        way="delivery",
    )
    assert to_cart(from_cart(price(wanted, CATALOG))) == wanted


def test_lines_without_an_id_are_given_free_ones() -> None:
    message = cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(product_id="water", quantity=1),
            cart_pb2.CartLine(line_id="l1", product_id="water", quantity=1),
            cart_pb2.CartLine(product_id="water", quantity=1),
        ]
    )
    assert [made.line_id for made in to_cart(message).lines] == ["l2", "l1", "l3"]


def test_an_unset_quantity_is_one_and_a_set_zero_is_none() -> None:
    option = cart_pb2.OptionSelection(option_group_id="greens", option_id="basil")
    none = cart_pb2.OptionSelection(option_group_id="greens", option_id="rocket", quantity=0)
    dip = cart_pb2.AddOnSelection(add_on_id="dip")
    message = cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(product_id="pizza", quantity=1, options=[option, none], add_ons=[dip])
        ]
    )
    (made,) = to_cart(message).lines
    assert [selection.quantity for selection in made.selections] == [1, 0]
    assert made.add_ons == (AddOnSelection("dip", 1),)
