"""Guests of the demo's loop: what they say next, and what they think of what they are told."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.assembly.demo.guests import FIRST, Guest, Impression, Mood, come, given, stars
from services.assembly.demo.talk import APPROVE, DECLINE, NO_MORE, TAKE, Talk

MENU = {
    "latte": "Latte",
    "matcha_latte": "Matcha latte",
    "croissant": "Butter croissant",
    "cookie": "Chocolate chip cookie",
    "still_water": "Still water",
}
HUNGRY = Guest(0, Mood.HUNGRY, (), "A latte, please", "latte", appetite=1)
CURIOUS = Guest(1, Mood.CURIOUS, ("Do you have wifi?",), "A latte, please", "latte")
HURRIED = Guest(2, Mood.HURRIED, (), "Latte", "latte")


def answer(text: str, *products: str, **more: Any) -> Mapping[str, Any]:
    lines = [{"product_id": p, "product_name": MENU[p], "quantity": 1} for p in products]
    return {"text": text, "cart": {"lines": lines}, **more}


def read_back(*products: str, before: str = "") -> Mapping[str, Any]:
    names = " and ".join(f"1 × {MENU[product]}" for product in products)
    return answer(f"{before} Your order: {names}. Shall I place it?".strip(), *products)


def placed(*products: str) -> Mapping[str, Any]:
    lines = answer("", *products)["cart"]["lines"]
    return answer("Thank you! It is placed.", order={"order_id": "ord_1", "lines": lines})


def offer(product: str) -> str:
    return f"Great choice! Our {MENU[product]} for €2.60 goes well with that."


def told(guest: Guest, *answers: Mapping[str, Any]) -> tuple[list[str], Talk]:
    """What a guest says to these answers, and their talk."""
    talk, said = Talk(guest, MENU), []
    for one in answers:
        said.append(talk.next())
        talk.hear(one)
    return [*said, talk.next()], talk


def test_the_same_seed_brings_the_same_guests_of_every_mood() -> None:
    guests = list(come(1, 100))

    assert guests == list(come(1, 100))
    assert guests != list(come(2, 100))
    assert [guest.number for guest in guests] == [*range(100)]
    assert {guest.mood for guest in guests[:FIRST]} == {Mood.HUNGRY}
    assert {guest.mood for guest in guests} == set(Mood)
    assert {guest.ratings for guest in guests} == {0, 1, 2}


def test_an_order_is_approved_when_it_was_read_back_and_is_theirs() -> None:
    said, talk = told(HURRIED, read_back("latte"), placed("latte"))

    assert said == ["Latte", APPROVE, ""]
    assert talk.is_as_meant


@pytest.mark.parametrize(
    "heard",
    [
        read_back("latte", "cookie"),
        read_back("cookie"),
        answer("Noted!", "latte"),
        answer("Which size would you like?"),
    ],
)
def test_nothing_else_is_approved(heard: Mapping[str, Any]) -> None:
    said, talk = told(HURRIED, heard, heard, heard)

    assert said == ["Latte", NO_MORE, NO_MORE, ""]
    assert not talk.is_as_meant


def test_an_order_nobody_approved_is_not_what_was_meant() -> None:
    _, talk = told(replace(HURRIED, leaves=True), placed("latte"))

    assert not talk.is_as_meant


def test_somebody_who_leaves_approves_nothing() -> None:
    said, talk = told(replace(HURRIED, leaves=True), read_back("latte"))

    assert said == ["Latte", ""]
    assert talk.is_as_meant


def test_an_offer_that_is_liked_is_taken_and_approved() -> None:
    said, talk = told(
        HUNGRY,
        read_back("latte", before=offer("croissant")),
        read_back("latte", "croissant", before=offer("cookie")),
        placed("latte", "croissant"),
    )

    assert said == ["A latte, please", TAKE, APPROVE, ""]
    assert talk.wants == Counter({"latte": 1, "croissant": 1})
    assert talk.is_as_meant
    assert stars(HUNGRY, talk.told) == 5


def test_an_offer_that_did_not_reach_the_cart_is_let_go() -> None:
    said, talk = told(
        HUNGRY, read_back("latte", before=offer("croissant")), read_back("latte"), placed("latte")
    )

    assert said == ["A latte, please", TAKE, APPROVE, ""]
    assert talk.is_as_meant
    assert talk.told.taken == 0


def test_nonsense_is_declined_once_or_let_pass() -> None:
    nonsense = read_back("latte", before=offer("still_water"))
    said, talk = told(replace(HUNGRY, declines=True), nonsense, nonsense, placed("latte"))

    assert said == ["A latte, please", DECLINE, APPROVE, ""]
    assert talk.told.disliked == 2
    assert told(HUNGRY, nonsense)[0] == ["A latte, please", APPROVE]


def test_a_longer_name_offers_no_product_of_a_shorter_one() -> None:
    cookie = replace(HURRIED, order="Cookie", product_id="cookie")
    _, talk = told(cookie, read_back("cookie", before=offer("matcha_latte")))

    assert talk.told.disliked == 1


def test_hungry_guests_prefer_to_be_offered_what_they_like() -> None:
    taken, none = Impression([], liked=1, taken=1), Impression([])

    assert [stars(HUNGRY, one) for one in (taken, none, Impression([], disliked=1))] == [5, 3, 1]


def test_hurried_guests_want_few_words() -> None:
    impressions = [Impression([], asides=asides, disliked=asides // 2) for asides in (0, 1, 2, 9)]

    assert [stars(HURRIED, one) for one in impressions] == [5, 4, 2, 1]


def test_curious_guests_want_to_know_where_it_stands() -> None:
    source = [{"title": "House rules"}]
    answers = {
        "I'm afraid I don't know.": [],
        "It is free. [1]": source,
        "It is free. [1] The password is on your receipt. [1]": source,
        "From “House rules”: It is free. Ask for the password. [1]": source,
    }
    worth = [
        stars(CURIOUS, told(CURIOUS, answer(text, citations=citations))[1].told)
        for text, citations in answers.items()
    ]

    assert worth[0] == 1
    assert sorted(worth) == worth
    assert worth[-1] == 5


def test_stars_stay_between_one_and_five() -> None:
    assert stars(replace(HURRIED, generosity=1), Impression([])) == 5
    assert stars(replace(HUNGRY, generosity=-1), Impression([], disliked=1)) == 1


@pytest.mark.parametrize(("ratings", "wanted"), [(0, ()), (1, (3,)), (2, (2, 3))])
def test_of_two_ratings_the_last_is_what_they_think(ratings: int, wanted: tuple[int, ...]) -> None:
    assert given(replace(HUNGRY, ratings=ratings), Impression([])) == wanted
