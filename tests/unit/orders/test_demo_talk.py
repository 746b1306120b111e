"""What guests of the demo tenants say, and what it makes of their carts."""

from functools import cache

import pytest

from services.orders.carts.cart import Cart
from services.orders.carts.fitting import check
from services.orders.carts.operations import apply
from services.orders.carts.parsing import CartParser
from services.orders.carts.reading import Focus, ParseResult
from tests.unit.orders.noodles import shown
from tests.unit.orders.test_demo_catalogs import read

PARSERS = {"bar": "coffee_bar", "pizza": "pizzeria"}


@cache
def parser(menu: str) -> CartParser:
    return CartParser(read(PARSERS[menu]))


def talk(menu: str, dialogue: str) -> tuple[Cart, ParseResult]:
    """The cart after turns divided by slashes, and the reading of the last."""
    cart, focus = Cart(), Focus()
    for turn in dialogue.split(" / "):
        reading = parser(menu).parse(turn, cart, focus)
        cart, focus = apply(cart, reading.operations), reading.focus
        check(cart, read(PARSERS[menu]))
    return cart, reading


def understood(menu: str, dialogue: str) -> str:
    return shown(talk(menu, dialogue)[0])


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("bar", "a tea / put it back", "1 tea"),
        ("bar", "a latte / great weather", "1 latte"),
        ("bar", "a latte / come back later", "1 latte"),
        ("bar", "bring it back", ""),
        ("bar", "the weather is great", ""),
        ("pizza", "a margherita / put it back to large", "1 margherita large"),
        ("pizza", "a pepperoni pizza / change it back to the margherita", "1 margherita"),
    ],
)
def test_ordinary_words_are_no_misspelt_menu_words(menu: str, dialogue: str, expected: str) -> None:
    assert understood(menu, dialogue) == expected


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        ("a couple of cookies", "2 cookie"),
        ("a latte with almond mlik", "1 latte almond"),
    ],
)
def test_plurals_and_swapped_letters_are_understood(dialogue: str, expected: str) -> None:
    assert understood("bar", dialogue) == expected


@pytest.mark.parametrize(
    "talk_only",
    ["ja", "oui", "good grief", "go away", "no problem", "not bad", "sounds good", "1 dollar"],
)
def test_talk_is_no_note_for_the_kitchen(talk_only: str) -> None:
    assert understood("pizza", f"a cola / {talk_only}") == "1 cola"


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        ("I hate lattes, espresso please", "1 espresso"),
        ("a latte / I don't like lattes, a mocha please", "1 mocha"),
    ],
)
def test_what_a_guest_dislikes_is_not_ordered(dialogue: str, expected: str) -> None:
    assert understood("bar", dialogue) == expected


THREE = "3 lattes: one oat, one decaf, one iced"
OLIVES = "a margherita with olives and a marinara with olives"


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("bar", f"{THREE} / remove the decaf one", "1 latte oat; 1 latte iced"),
        ("bar", f"{THREE} / remove the one with oat milk", "1 latte decaf; 1 latte iced"),
        ("bar", f"{THREE} / make the decaf one a mocha",
         "1 latte oat; 1 mocha decaf; 1 latte iced"),
        ("pizza", f"{OLIVES} / take off the olives from the first",
         "1 margherita; 1 marinara olives"),
        ("pizza", f"{OLIVES} / remove the olives from the last one",
         "1 margherita olives; 1 marinara"),
        ("pizza", "wings with bbq and wings with ketchup / make the bbq ones 10 pieces",
         "1 wings bbq ten; 1 wings ketchup"),
        ("pizza", "a margherita and a pepperoni / add olives to both",
         "1 margherita olives; 1 pepperoni olives"),
        ("bar", "a latte and a mocha / add vanilla to all of them",
         "1 latte +vanilla_syrup; 1 mocha +vanilla_syrup"),
        ("bar", "a latte and a mocha / remove both", ""),
    ],
)  # fmt: skip
def test_lines_are_known_by_what_they_have_and_where_they_stand(
    menu: str, dialogue: str, expected: str
) -> None:
    assert _sorted(understood(menu, dialogue)) == _sorted(expected)


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("pizza", "a marinara with olives / no, with mushrooms instead of olives",
         "1 marinara mushrooms"),
        ("pizza", "a marinara with olives and a diavola / swap the olives for mushrooms",
         "1 marinara mushrooms; 1 diavola"),
        ("bar", "a bagel with jam / cream cheese instead of jam", "1 bagel cream_cheese"),
        ("bar", "a latte with vanilla and a mocha / swap the vanilla for caramel",
         "1 latte +caramel_syrup; 1 mocha"),
    ],
)  # fmt: skip
def test_what_takes_the_place_of_something_drops_it(
    menu: str, dialogue: str, expected: str
) -> None:
    assert understood(menu, dialogue) == expected


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("pizza", "a margherita, a cola and fries / remove everything except the fries and cola",
         "1 cola; 1 fries"),
        ("pizza", "a margherita and a cola / remove everything but the cola", "1 cola"),
        ("bar", "a latte, a mocha and a tea / remove everything except the tea", "1 tea"),
        ("bar", "a mocha and 2 cookies / drop the mocha and double the cookies", "4 cookie"),
        ("pizza", "2 colas / one less cola", "1 cola"),
    ],
)  # fmt: skip
def test_exceptions_and_amounts_are_heard(menu: str, dialogue: str, expected: str) -> None:
    assert understood(menu, dialogue) == expected


def _sorted(cart: str) -> list[str]:
    return sorted(cart.split("; "))


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("pizza", "a margherita without basil and oregano", "1 margherita -basil -oregano"),
        ("pizza", "a margherita with no basil or oregano", "1 margherita -basil -oregano"),
        ("pizza", "a margherita with onions and peppers / no onions and peppers", "1 margherita"),
        ("bar", "a bagel without butter and jam", "1 bagel -butter (no jam)"),
        ("bar", "a latte without vanilla and with honey", "1 latte honey (without vanilla)"),
        ("pizza", "a calzone without ham", "1 calzone (without ham)"),
        ("pizza", "a calzone / no ham please", "1 calzone (no ham)"),
        ("pizza", "a calzone without ham, allergic to nuts",
         "1 calzone (without ham, allergic to nuts)"),
    ],
)  # fmt: skip
def test_a_no_reaches_all_it_is_said_of_and_never_vanishes(
    menu: str, dialogue: str, expected: str
) -> None:
    assert understood(menu, dialogue) == expected


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("pizza", "a margherita medium, no large", "1 margherita large"),
        ("pizza", "a large margherita / medium, no large", "1 margherita medium"),
        ("pizza", "two margheritas, sorry I mean three", "3 margherita"),
        ("bar", "a latte, no an espresso", "1 espresso"),
        ("pizza", "a margherita / ok then add a large pepperoni with extra cheese",
         "1 margherita; 1 pepperoni extra_cheese large"),
        ("pizza", "a margherita / make it 1000", "99 margherita"),
    ],
)  # fmt: skip
def test_second_thoughts_replace_first_ones(menu: str, dialogue: str, expected: str) -> None:
    assert understood(menu, dialogue) == expected


@pytest.mark.parametrize("amount", ["2.5", "-3", "1/2"])
@pytest.mark.parametrize("cart", ["a latte", "2 lattes and an espresso"])
def test_an_impossible_amount_is_refused_and_changes_nothing(amount: str, cart: str) -> None:
    before = understood("bar", cart)
    after, reading = talk("bar", f"{cart} / make it {amount} mochas")
    assert shown(after) == before
    assert [span.text for span in reading.unparsed] == [f"{amount} mochas"]
    assert reading.refusals


@pytest.mark.parametrize("amount", ["2.5", "-3"])
def test_an_impossible_number_of_it_is_refused_and_changes_nothing(amount: str) -> None:
    cart, reading = talk("bar", f"a latte / make it {amount}")
    assert shown(cart) == "1 latte"
    assert [refusal.phrase for refusal in reading.refusals] == [amount]


@pytest.mark.parametrize(
    ("menu", "dialogue", "expected"),
    [
        ("pizza", "2 colas / make one of them diet", "1 cola; 1 diet_cola"),
        ("pizza", "two colas, one of them diet", "1 cola; 1 diet_cola"),
        ("bar", "2 lattes / make one of them scorching", "1 latte; 1 latte (scorching)"),
        ("bar", "an almond croissant / ok two butter ones then", "2 croissant"),
    ],
)
def test_a_part_or_a_kind_is_what_it_is_said_of(menu: str, dialogue: str, expected: str) -> None:
    assert understood(menu, dialogue) == expected


@pytest.mark.parametrize(
    ("dialogue", "expected"),
    [
        ("can i get a coffee / a large one / filter", "1 filter_coffee large"),
        ("can i get a coffee / large / iced / yes / latte", "1 latte large iced"),
        ("can i get a coffee / with honey / americano", "1 americano honey"),
    ],
)
def test_what_is_said_of_a_thing_still_to_be_chosen_is_kept(dialogue: str, expected: str) -> None:
    assert _words(understood("bar", dialogue)) == _words(expected)


def test_a_question_still_open_is_asked_again() -> None:
    _, asked = talk("bar", "can i get a coffee")
    cart, again = talk("bar", "can i get a coffee / a large one / with milk")
    assert cart.lines == ()
    assert again.unparsed == ()
    assert [a.candidate_ids for a in again.ambiguities] == [
        a.candidate_ids for a in asked.ambiguities
    ]


def _words(cart: str) -> list[set[str]]:
    return [set(line.split()) for line in cart.split("; ")]


@pytest.mark.parametrize("menu", PARSERS)
@pytest.mark.parametrize(("number", "quantity"), [("one", 1), ("two", 2)])
def test_everything_on_sale_can_be_added_to_an_order(menu: str, number: str, quantity: int) -> None:
    first, *others = (product for product in read(PARSERS[menu]).products if product.available)
    for product in others:
        cart, _ = talk(menu, f"a {first.name} / add {number} {product.name}")
        made = [(line.product_id, line.quantity) for line in cart.lines]
        assert made == [(first.id, 1), (product.id, quantity)], product.name
