"""What is offered beside an order, and how it is taken or left."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.coordinator.agents.profile import Behaviour, Grounding, Upsell, Verbosity
from services.coordinator.models.local.memory import Asked, Memory
from services.coordinator.models.local.offers import left, taken, takes
from services.coordinator.models.local.policy import Setting, ToolAnswer, next_step
from services.coordinator.models.local.replies import read_back
from services.coordinator.models.local.steps import Call, Say
from services.coordinator.sessions.cart import Cart, CartLine, to_json
from services.coordinator.tools.suggest import chosen, fitting

LATTE = Cart((CartLine("l1", "latte", 1, "Latte", unit_price_minor=400, total_minor=400),),
             (), 400, "EUR")  # fmt: skip
READ_BACK = read_back(LATTE)
SELLING = Setting(
    frozenset({"suggest_product"}),
    Behaviour(Verbosity.CHATTY, Upsell.EVERY_TURN, Grounding.RELAXED),
)
ADDED = ToolAnswer(
    "update_cart",
    {
        "cart": to_json(LATTE),
        "changed": True,
        "read_back": READ_BACK,
        "operations": [{"kind": "add_line", "product_id": "latte"}],
    },
)
BUN = ToolAnswer(
    "suggest_product",
    {
        "ok": True,
        "suggestion": {"name": "Plain Bun", "price_minor": 210, "currency_code": "EUR"},
    },
)
OFFERED = Memory(Asked.APPROVAL, READ_BACK, subject="Latte", suggested="Plain Bun")
PRODUCTS: tuple[Mapping[str, Any], ...] = (
    {"product_id": "latte", "name": "Latte", "category": "Coffee", "price_minor": "400"},
    {"product_id": "mocha", "name": "Mocha", "category": "Coffee", "price_minor": "450"},
    {"product_id": "cake", "name": "Cake", "category": "Cakes", "price_minor": "900"},
    {"product_id": "bun", "name": "Bun", "category": "Cakes", "price_minor": "210"},
    {"product_id": "old", "name": "Old", "category": "Toast", "unavailable": True},
    {"product_id": "toast", "name": "Toast", "category": "Toast", "price_minor": "300"},
)


def test_a_seller_asks_what_fits_and_offers_it_before_the_read_back() -> None:
    assert next_step("a latte", [ADDED], Memory(), SELLING) == Call("suggest_product", {})
    step = next_step("a latte", [ADDED, BUN], Memory(), SELLING)
    assert isinstance(step, Say)
    assert step.text.endswith(READ_BACK)
    offer = step.text.removesuffix(READ_BACK)
    assert "Plain Bun for €2.10" in offer
    assert "?" not in offer
    assert step.memory == OFFERED


def test_who_may_not_offer_does_not() -> None:
    step = next_step("a latte", [ADDED], Memory(), Setting())
    assert isinstance(step, Say)
    assert (step.text, step.memory.suggested) == (READ_BACK, "")


def test_nothing_is_offered_where_nothing_fits() -> None:
    nothing = ToolAnswer("suggest_product", {"ok": True, "suggestion": None})
    step = next_step("a latte", [ADDED, nothing], Memory(), SELLING)
    assert isinstance(step, Say)
    assert step.text == f"Great choice! {READ_BACK}"
    assert step.memory.suggested == ""


def test_nothing_is_offered_when_something_is_taken_away() -> None:
    removed = replace(ADDED, content={**ADDED.content, "operations": [{"kind": "remove_line"}]})
    step = next_step("no bagel", [removed], Memory(), SELLING)
    assert isinstance(step, Say)
    assert step.text == READ_BACK


@pytest.mark.parametrize(
    "text",
    [
        "add that",
        "yes, add that",
        "Yes please add it",
        "sure, throw one in",
        "ok, put it in too",
        "can you add that?",
        "I'll take one",
        "that too, please",
        "great, I'll have that as well",
    ],
)
def test_who_takes_the_offer_gets_it(text: str) -> None:
    step = next_step(text, [], OFFERED, SELLING)
    assert step == Call("update_cart", {"text": "add one Plain Bun"})
    assert takes(text)


def test_two_of_what_is_offered_are_two() -> None:
    assert taken("add two of those", "Plain Bun") == "add two Plain Bun"


@pytest.mark.parametrize(
    ("text", "order"),
    [("add that twice", "add two Bun"), ("ok add it three times", "add three Bun")],
)
def test_an_offer_may_be_taken_more_than_once(text: str, order: str) -> None:
    assert taken(text, "Bun") == order


def test_what_is_ordered_beside_the_offer_is_kept() -> None:
    assert taken("yes add that and a cola", "Plain Bun") == "yes add one Plain Bun and a cola"


@pytest.mark.parametrize("text", ["yes", "yes please", "that's right", "sure, why not", "ok"])
def test_a_bare_yes_is_to_the_read_back(text: str) -> None:
    assert next_step(text, [], OFFERED, SELLING) == Call("confirm", {})
    assert not takes(text)


@pytest.mark.parametrize(
    "text",
    [
        "no thanks",
        "No, thank you",
        "not for me",
        "I'm good, thanks",
        "no, without that",
        "without it, please",
        "no, don't add that",
        "leave that out",
    ],
)
def test_who_leaves_the_offer_has_the_same_cart_read_back(text: str) -> None:
    step = next_step(text, [], OFFERED, SELLING)
    assert isinstance(step, Say)
    assert step.text == f"All right, without it. {READ_BACK}"
    assert step.memory.suggested == ""


@pytest.mark.parametrize("text", ["no", "no, that's wrong", "make it decaf", "yes"])
def test_anything_else_leaves_no_offer(text: str) -> None:
    assert not left(text)
    assert not taken(text, "Plain Bun")


def test_nothing_is_taken_that_was_not_offered() -> None:
    assert taken("add that", "") == ""


def test_an_offer_asked_about_can_still_be_taken() -> None:
    menu = ToolAnswer("retrieve_menu", {"products": [], "currency_code": "EUR"})
    step = next_step("is it vegan?", [menu], OFFERED, SELLING)
    assert isinstance(step, Say)
    assert step.memory.suggested == "Plain Bun"


def test_the_house_chooses_before_the_rule_does() -> None:
    preferred = ("gone", "old", "latte", "toast", "bun")
    product = chosen(PRODUCTS, LATTE, preferred, ())
    assert product is not None
    assert product["product_id"] == "toast"
    again = chosen(PRODUCTS, LATTE, preferred, ("toast",))
    assert again is not None
    assert again["product_id"] == "bun"
    assert chosen(PRODUCTS, LATTE, (), ()) is None


def test_what_goes_with_a_cart_is_of_another_kind_and_no_dearer() -> None:
    product = fitting(PRODUCTS, LATTE, ())
    assert product is not None
    assert product["product_id"] == "bun"
    other = fitting(PRODUCTS, LATTE, ("bun",))
    assert other is not None
    assert other["product_id"] == "toast"
    assert fitting(PRODUCTS, LATTE, ("bun", "toast")) is None


def test_who_offers_once_offers_once() -> None:
    once, always = Behaviour(upsell=Upsell.ONCE), Behaviour(upsell=Upsell.EVERY_TURN)
    assert [once.may_offer(offered) for offered in (0, 1)] == [True, False]
    assert [always.may_offer(offered) for offered in (0, 5)] == [True, True]
    assert not Behaviour().may_offer(0)
