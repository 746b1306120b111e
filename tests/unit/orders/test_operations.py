"""Operations on carts, one by one."""

from services.orders.carts.cart import AddOnSelection, Cart, CartLine, Selection
from services.orders.carts.operations import (
    MAX_LINE_QUANTITY,
    AddLine,
    ChangeLine,
    ClearCart,
    RemoveLine,
    SetOrderChoice,
    apply,
)

LARGE = (Selection("size", "large"),)


def test_lines_are_numbered_on_from_the_highest() -> None:
    cart = apply(Cart((CartLine("l7", "soup"),)), [AddLine("bread")])
    assert [line.line_id for line in cart.lines] == ["l7", "l8"]


def test_lines_made_the_same_way_become_one() -> None:
    cart = apply(Cart(), [AddLine("soup", 1, LARGE), AddLine("soup", 2, LARGE)])
    assert [(line.line_id, line.quantity) for line in cart.lines] == [("l1", 3)]


def test_lines_that_differ_by_one_option_stay_two() -> None:
    cart = apply(Cart(), [AddLine("soup"), AddLine("soup", 1, LARGE)])
    assert [line.selections for line in cart.lines] == [(), LARGE]


def test_the_order_options_were_chosen_in_makes_no_difference() -> None:
    first = (Selection("size", "large"), Selection("heat", "hot"))
    cart = apply(Cart(), [AddLine("soup", 1, first), AddLine("soup", 1, first[::-1])])
    assert len(cart.lines) == 1


def test_a_changed_line_keeps_its_place_and_id() -> None:
    cart = apply(Cart(), [AddLine("soup"), AddLine("bread")])
    changed = CartLine("l1", "soup", 2, LARGE, (AddOnSelection("croutons"),), "hot")
    assert apply(cart, [ChangeLine(changed)]).lines[0] == changed


def test_removing_some_leaves_the_rest() -> None:
    cart = apply(Cart(), [AddLine("soup", 3)])
    assert apply(cart, [RemoveLine("l1", 1)]).lines[0].quantity == 2
    assert apply(cart, [RemoveLine("l1", 3)]).lines == ()
    assert apply(cart, [RemoveLine("l1")]).lines == ()


def test_operations_on_a_line_that_is_gone_change_nothing() -> None:
    cart = apply(Cart(), [AddLine("soup")])
    assert apply(cart, [RemoveLine("l9"), ChangeLine(CartLine("l9", "bread"))]) == cart


def test_a_choice_replaces_the_one_before_and_clearing_forgets_all() -> None:
    cart = apply(
        Cart(), [AddLine("soup"), SetOrderChoice("way", "go"), SetOrderChoice("way", "here")]
    )
    assert dict(cart.order_choices) == {"way": "here"}
    assert apply(cart, [ClearCart()]) == Cart()


def test_a_line_never_holds_more_than_the_most() -> None:
    cart = apply(Cart(), [AddLine("soup", 90), AddLine("soup", 90)])
    assert cart.lines[0].quantity == MAX_LINE_QUANTITY
