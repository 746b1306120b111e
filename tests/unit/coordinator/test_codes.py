"""Codes of promotions: found in what guests say, used, explained."""

import pytest

from services.coordinator.models.local.codes import Named, codes_in
from services.coordinator.models.local.memory import Asked, Memory
from services.coordinator.models.local.policy import Setting, ToolAnswer, next_step
from services.coordinator.models.local.steps import Call, Say

READ_BACK = "Your order: 1 × Latte. Is that right? Shall I place the order?"
CHEAPER = "Your order: 1 × Latte. That's less. Is that right? Shall I place the order?"
WAITING = Memory(Asked.APPROVAL, READ_BACK)
SETTING = Setting(frozenset({"apply_promos"}))
USED = ToolAnswer(
    "apply_promos",
    {
        "ok": True,
        "discounts": [{"name": "Welcome", "reason": "10 % off for newcomers."}],
        "refusals": [],
        "read_back": CHEAPER,
    },
)
REFUSED = ToolAnswer(
    "apply_promos",
    {
        "ok": True,
        "discounts": [],
        "refusals": [{"code": "OLD1", "reason": "That promotion is over."}],
        "read_back": READ_BACK,
    },
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I have a code WELCOME10", Named(("WELCOME10",))),
        ("the code is: welcome10, thanks", Named(("welcome10",))),
        ("can I use promo code ABC-123?", Named(("ABC-123",))),
        ("use code welcome", Named(("welcome",))),
        ("a latte, and use the code welcome please", Named(("welcome",), "a latte, please")),
        ("use SPRING25 please", Named(("SPRING25",))),
        ("apply HAPPY to my order", Named(("HAPPY",))),
        ("yes, and I have a code, it's SUMMER", Named(("SUMMER",))),
        ("two lattes with my code SUMMER", Named(("SUMMER",), "two lattes")),
        ("codes A1 and code B2", Named(("A1", "B2"))),
    ],
)
def test_codes_are_found_and_the_rest_is_kept(text: str, named: Named) -> None:
    assert codes_in(text) == named


@pytest.mark.parametrize(
    "text",
    [
        "do you take vouchers?",
        "use my code please",
        "do you have a code for me",
        "I've got a coupon",
        "what's the dress code",
        "I want an ESPRESSO",
        "I'll have a BLT",
        "use oat milk",
        "have 1234 please",
    ],
)
def test_other_words_are_no_codes(text: str) -> None:
    assert codes_in(text) == Named((), text)


def test_a_code_is_put_on_the_cart_and_explained() -> None:
    text = "I have a code WELCOME10"
    assert next_step(text, [], WAITING, SETTING) == Call("apply_promos", {"codes": ["WELCOME10"]})
    step = next_step(text, [USED], WAITING, SETTING)
    assert isinstance(step, Say)
    assert step.text == f"WELCOME10 is in. 10 % off for newcomers. {CHEAPER}"
    assert (step.memory.asked, step.memory.read_back) == (Asked.APPROVAL, CHEAPER)


def test_a_code_that_brings_nothing_is_said_why() -> None:
    step = next_step("code OLD1", [REFUSED], WAITING, SETTING)
    assert isinstance(step, Say)
    assert step.text == f"I can't use OLD1: That promotion is over. {READ_BACK}"


def test_a_yes_beside_a_code_approves_nothing_yet() -> None:
    step = next_step("yes, and my code is WELCOME10", [], WAITING, SETTING)
    assert step == Call("apply_promos", {"codes": ["WELCOME10"]})


def test_what_is_ordered_beside_a_code_comes_first() -> None:
    step = next_step("two lattes with code WELCOME10", [], Memory(), SETTING)
    assert step == Call("update_cart", {"text": "two lattes"})


def test_a_code_waits_until_there_is_something_to_use_it_on() -> None:
    step = next_step("I have a code WELCOME10", [], Memory(), SETTING)
    assert isinstance(step, Say)
    assert step.text == "I'll use WELCOME10 as soon as there is something in your order."
    update = ToolAnswer(
        "update_cart",
        {"cart": {"lines": [{}]}, "changed": True, "read_back": READ_BACK},
    )
    later = next_step("a latte", [update], step.memory, SETTING)
    assert later == Call("apply_promos", {"codes": ["WELCOME10"]})
    done = next_step("a latte", [update, USED], step.memory, SETTING)
    assert isinstance(done, Say)
    assert done.text.endswith(CHEAPER)
    assert done.memory.codes == ()


@pytest.mark.parametrize(
    "text", ["remove the code", "take the code off please", "please drop the discount"]
)
def test_who_wants_no_code_has_all_taken_off(text: str) -> None:
    assert next_step(text, [], WAITING, SETTING) == Call("apply_promos", {"codes": []})
    off = ToolAnswer("apply_promos", {"ok": True, "read_back": READ_BACK})
    step = next_step(text, [off], WAITING, SETTING)
    assert isinstance(step, Say)
    assert step.text == f"All right, without a code. {READ_BACK}"


IDLE = ToolAnswer("update_cart", {"cart": {"lines": [{}]}, "read_back": READ_BACK})


def test_a_word_in_capitals_that_means_nothing_else_is_tried_as_a_code() -> None:
    assert next_step("WELCOME", [], WAITING, SETTING) == Call("update_cart", {"text": "WELCOME"})
    step = next_step("WELCOME", [IDLE], WAITING, SETTING)
    assert step == Call("apply_promos", {"codes": ["WELCOME"]})
    step = next_step("WELCOME", [IDLE, USED], WAITING, SETTING)
    assert isinstance(step, Say)
    assert step.text.startswith("WELCOME is in.")
    assert isinstance(next_step("welcome", [IDLE], WAITING, SETTING), Say)


def test_a_code_refused_before_is_not_spoken_of_again() -> None:
    step = next_step("use code welcome", [REFUSED], WAITING, SETTING)
    assert isinstance(step, Say)
    assert "OLD1" not in step.text
