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
