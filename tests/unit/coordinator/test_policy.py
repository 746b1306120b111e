"""The next step of a dialogue: which tool to call, what to say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.coordinator.models.local.policy import (
    Asked,
    Call,
    Memory,
    Say,
    Step,
    ToolAnswer,
    next_step,
)
from services.coordinator.models.local.replies import read_back
from services.coordinator.sessions.cart import AddOn, Cart, CartLine, Option, OrderChoice, to_json

CART = Cart((CartLine("l1", "ramen", 1, "Ramen", total_minor=1200),), (), 1200, "EUR")
READ_BACK = read_back(CART)
WAITING = Memory(Asked.APPROVAL, READ_BACK)


def update(cart: Cart = CART, *, changed: bool = True, **report: Any) -> ToolAnswer:
    """An answer of update_cart."""
    text = "" if cart.is_empty else read_back(cart)
    content = {"cart": to_json(cart), "changed": changed, "read_back": text, **report}
    return ToolAnswer("update_cart", content)


def said(step: Step) -> str:
    """The text of a step that says something."""
    assert isinstance(step, Say)
    return step.text


def test_an_order_goes_to_the_cart_in_the_guests_words() -> None:
    step = next_step("two ramens please", [], Memory())
    assert step == Call("update_cart", {"text": "two ramens please"})


def test_a_filled_cart_is_read_back_at_once() -> None:
    step = next_step("a ramen", [update()], Memory())
    assert step == Say(READ_BACK, WAITING)


def test_a_yes_to_the_read_back_confirms() -> None:
    assert next_step("Yes, that's right.", [], WAITING) == Call("confirm", {})


@pytest.mark.parametrize("text", ["no", "not yet", "thanks", "hello", "hmm", "how much is it?"])
def test_anything_less_does_not_confirm(text: str) -> None:
    step = next_step(text, [], WAITING)
    assert not isinstance(step, Call) or step.name != "confirm"


def test_a_yes_to_something_else_than_a_read_back_does_not_confirm() -> None:
    memory = Memory(Asked.CHANGE, READ_BACK)
    step = next_step("yes", [], memory)
    assert step == Call("update_cart", {"text": "yes"})
    assert said(next_step("yes", [update(changed=False)], memory)).endswith(READ_BACK)


def test_a_yes_that_changes_the_cart_needs_another() -> None:
    larger = Cart((CartLine("l1", "ramen", 2, "Ramen", total_minor=2400),), (), 2400, "EUR")
    text = "Yes. I'll have two of them."
    assert next_step(text, [], WAITING) == Call("update_cart", {"text": text})
    step = next_step(text, [update(larger)], WAITING)
    assert step == Say(read_back(larger), Memory(Asked.APPROVAL, read_back(larger)))


def test_a_yes_that_repeats_the_order_confirms() -> None:
    text = "Yes. It is a ramen for me."
    assert next_step(text, [update(changed=False)], WAITING) == Call("confirm", {})


def test_a_no_asks_what_to_change() -> None:
    step = next_step("no", [], WAITING)
    assert step == Say("No problem. What should I change?", Memory(Asked.CHANGE, READ_BACK))


def test_what_is_ambiguous_is_asked() -> None:
    ambiguity = {"phrase": "gyoza", "candidate_names": ["Pork Gyoza", "Vegetable Gyoza"]}
    step = next_step("gyoza", [update(Cart(), changed=False, ambiguities=[ambiguity])], Memory())
    assert said(step) == "Which gyoza would you like: Pork Gyoza or Vegetable Gyoza?"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("SOLD_OUT", "Sorry, we're out of mochi right now."),
        ("NOT_ON_MENU", "Sorry, we don't have mochi."),
        ("NOT_OFFERED", "Sorry, mochi isn't available with the Ramen."),
        ("TOO_MANY", "I've put down the most we can do for mochi."),
    ],
)
def test_what_was_refused_is_said_before_the_read_back(kind: str, text: str) -> None:
    refusal = {"kind": f"REFUSAL_KIND_{kind}", "phrase": "a mochi", "product_id": "ramen"}
    assert said(next_step("x", [update(refusals=[refusal])], Memory())) == f"{text} {READ_BACK}"


def test_a_cancelled_order_is_gone() -> None:
    step = next_step("cancel my order", [update(Cart())], WAITING)
    assert step == Say("All right, I've cleared your order. Tell me whenever you'd like to order.",
                       Memory())  # fmt: skip


def test_an_option_without_a_product_asks_for_one() -> None:
    answer = update(Cart(), changed=False, unparsed=[{"text": "spicy"}])
    assert said(next_step("spicy", [answer], Memory())) == "What would you like with spicy?"


def test_off_topic_talk_is_turned_back_to_the_order() -> None:
    text = "my cat is called Felix"
    assert "only take orders" in said(next_step(text, [update(Cart(), changed=False)], Memory()))
    assert said(next_step(text, [update(changed=False)], WAITING)).endswith(READ_BACK)


MENU: Mapping[str, Any] = {
    "currency_code": "EUR",
    "products": [
        {
            "product_id": "ramen",
            "name": "Ramen",
            "category": "Noodles",
            "description": "Wheat noodles in broth.",
            "price_minor": "1200",
            "allergens": ["gluten", "egg"],
            "option_group_ids": ["broth"],
            "attributes": {"vegan": "no"},
        },
        {"product_id": "udon", "name": "Udon", "category": "Noodles", "price_minor": "1100"},
        {"product_id": "cola", "name": "Cola", "category": "Drinks", "price_minor": "250"},
        {"product_id": "mochi", "name": "Mochi", "category": "Sweets", "unavailable": True},
    ],
    "option_groups": [
        {
            "option_group_id": "broth",
            "name": "Broth",
            "options": [
                {"option_id": "miso", "name": "Miso"},
                {"option_id": "soy", "name": "Soy", "price_delta_minor": "50"},
            ],
        }
    ],
    "add_ons": [{"add_on_id": "corn", "name": "Sweet Corn", "price_minor": "80"}],
}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how much is the ramen?", "Ramen is €12.00."),
        ("how much is a ramen with corn", "Ramen is €12.00 and Sweet Corn adds €0.80."),
        ("what's your cheapest drink?", "The Cola, at €2.50."),
        ("what noodles do you have?", "We have Ramen and Udon."),
        ("what kinds of broth do you have?", "For broth we have Miso and Soy."),
        ("do you have sweet corn?", "Yes, we have Sweet Corn."),
        ("do you have mochi?", "Sorry, we're out of Mochi right now."),
        ("do you have pizza?", "Sorry, we don't have pizza."),
        ("what's in the ramen?", "Ramen: Wheat noodles in broth; vegan: no."),
        ("does the ramen contain egg?", "Yes, the Ramen contains egg."),
        ("does the udon contain egg?", "Our allergen list for the Udon doesn't name egg."),
        ("is the ramen vegan?", "Ramen: vegan, no."),
        ("is the cola vegan?", "I don't know whether the Cola is vegan."),
        ("when do you close?", "I'm afraid I don't know that; our staff can tell you."),
        ("what do you have?", "Noodles: Ramen and Udon. Drinks: Cola. Sweets: ."),
    ],
)
def test_questions_are_answered_from_the_menu(question: str, answer: str) -> None:
    assert next_step(question, [], Memory()) == Call("retrieve_menu", {"query": ""})
    menu = ToolAnswer("retrieve_menu", MENU)
    assert said(next_step(question, [menu], Memory())) == answer.replace(" Sweets: .", "")


def test_a_question_keeps_the_order_in_sight() -> None:
    step = next_step("do you have pizza?", [ToolAnswer("retrieve_menu", MENU)], WAITING)
    memory = replace(WAITING, topic="do you have pizza")
    assert step == Say(f"Sorry, we don't have pizza. {READ_BACK}", memory)


def test_an_answer_that_points_at_the_question_is_read_with_it() -> None:
    memory = Memory(topic="do you have ramen")
    step = next_step("great, I'll take two of those", [], memory)
    assert step == Call("update_cart", {"text": "do you have ramen? great, I'll take two of those"})
    assert next_step("an udon", [], memory) == Call("update_cart", {"text": "an udon"})


def test_a_placed_order_is_told_and_forgotten() -> None:
    content = {"ok": True, "order_id": "ord_00ff12ab", "total_minor": 1200, "currency_code": "EUR"}
    step = next_step("yes", [ToolAnswer("confirm", content)], WAITING)
    assert step == Say(
        "Thank you! Your order is placed. Total: €12.00. Your order number is FF12AB.",
        Memory(placed=True),
    )


def test_a_refused_confirmation_reads_the_new_cart_back() -> None:
    content = {"ok": False, "sold_out": ["Soy"], "read_back": READ_BACK}
    step = next_step("yes", [ToolAnswer("confirm", content)], WAITING)
    assert step == Say(f"Sorry, we're out of Soy right now. {READ_BACK}", WAITING)


def test_the_read_back_names_all_that_was_chosen() -> None:
    line = CartLine(
        line_id="l1",
        product_id="ramen",
        quantity=2,
        product_name="Ramen",
        options=(
            Option("size", "large", "Large"),
            Option("heat", "mild", "Mild", is_default=True),
            Option("garnish", "nori", "Nori", quantity=0),
            Option("eggs", "egg", "Soft Egg", quantity=2),
        ),
        add_ons=(AddOn("corn", "Sweet Corn", 3),),
        note="no lid",
    )
    cart = Cart((line, *CART.lines), (OrderChoice("way", "go", "To Go"),), 3650, "USD")
    assert read_back(cart) == (
        "Your order: 2 × Ramen (Large, no Nori, 2 × Soft Egg, 3 × Sweet Corn, note “no lid”) "
        "and 1 × Ramen, to go. That's $36.50. Is that right? Shall I place the order?"
    )
