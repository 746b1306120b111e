"""A question about the house changes no order, whatever words of the menu it touches."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.coordinator.models.local.acts import Act, read_act
from services.coordinator.models.local.memory import Memory
from services.coordinator.models.local.policy import Setting, ToolAnswer, next_step
from services.coordinator.models.local.steps import Call, Say
from tests.unit.coordinator.test_claims import CATALOGS, asked

MENU: Mapping[str, Any] = json.loads((CATALOGS / "coffee_bar.json").read_text(encoding="utf-8"))
LOOKING_UP = Setting(frozenset({"search_knowledge_base"}))
SHOWN = ToolAnswer("retrieve_menu", MENU)


def found(quote: str) -> ToolAnswer:
    passage = {"number": 1, "title": "House", "headings": [], "quote": quote, "similarity": 0.6}
    return ToolAnswer("search_knowledge_base", {"ok": True, "passages": [passage]})


@pytest.mark.parametrize(
    "text",
    [
        "can I bring my dog?",
        "can I use my own cup",
        "can we sit outside?",
        "may I bring a cake?",
        "can I pay by card",
        "do I need to tip?",
        "are kids allowed",
        "can I return a cake?",
    ],
)
def test_a_question_whether_something_may_be_done_orders_nothing(text: str) -> None:
    reading = read_act(text)
    assert (reading.act, reading.wishes) == (Act.ASK, False)


@pytest.mark.parametrize(
    "text",
    ["can I get a latte", "could we have two teas?", "can you use oat milk", "can I get lattee"],
)
def test_a_question_for_something_on_the_menu_orders_it(text: str) -> None:
    assert next_step(text, [], Memory(), LOOKING_UP) == Call("retrieve_menu", {"query": ""})
    assert next_step(text, [SHOWN], Memory(), LOOKING_UP) == Call("update_cart", {"text": text})


@pytest.mark.parametrize(
    ("text", "question", "quote"),
    [
        (
            "can I get my money back if the coffee is cold",
            "can I get my money back",
            "We give your money back.",
        ),
        ("could I have a refund", "could I have a refund", "A refund takes three days."),
        ("can I get a receipt", "can I get a receipt", "A receipt is sent by e-mail."),
        ("can you deliver", "can you deliver", "We do not deliver."),
    ],
)
def test_what_is_put_like_an_order_for_nothing_on_the_menu_is_looked_up(
    text: str, question: str, quote: str
) -> None:
    step = next_step(text, [SHOWN], Memory(), LOOKING_UP)
    assert step == Call("search_knowledge_base", {"query": question})
    step = next_step(text, [SHOWN, found(quote)], Memory(), LOOKING_UP)
    assert isinstance(step, Say)
    assert step.text == f"{quote} [1]"


def test_what_no_document_knows_is_taken_for_an_order() -> None:
    nothing = ToolAnswer("search_knowledge_base", {"ok": True, "passages": []})
    step = next_step("can I get a unicorn", [SHOWN, nothing], Memory(), LOOKING_UP)
    assert step == Call("update_cart", {"text": "can I get a unicorn"})


def test_a_word_like_one_of_the_menu_is_not_that_word() -> None:
    assert asked("do you have high chairs") == "Sorry, we don't have high chairs."
