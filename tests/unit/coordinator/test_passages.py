"""Answers quoted from documents, and none where no document answers."""

import pytest

from services.coordinator.agents.profile import Behaviour, Grounding, Upsell, Verbosity
from services.coordinator.models.local.memory import Memory
from services.coordinator.models.local.passages import Passage, passages_of, quoted
from services.coordinator.models.local.policy import Setting, ToolAnswer, next_step
from services.coordinator.models.local.steps import Call, Say

HOURS = Passage(
    1,
    "House rules",
    ("Opening hours",),
    "We are open from 7:00 to 19:00. On Sundays we open at 9:00. Dogs are welcome.",
    "",
    0.4,
)
DELIVERY = Passage(
    2, "House rules", ("Delivery",), "- Delivery costs €2.50.\n- It is free above €25.", "", 0.2
)
FAR = Passage(3, "Story", (), "It was founded by two sisters. They love the sea.", "", 0.05)
BY_WORDS = Passage(4, "Wifi", (), "The wifi password hangs at the counter.", "", None)
MENU = ToolAnswer("retrieve_menu", {"products": [], "currency_code": "EUR"})
TOOLS = frozenset({"search_knowledge_base"})
HOST = Setting(TOOLS)
GUIDE = Setting(TOOLS, Behaviour(Verbosity.CHATTY, Upsell.NEVER, Grounding.SOURCED))
FOUND = ToolAnswer(
    "search_knowledge_base",
    {
        "ok": True,
        "passages": [
            {
                "number": 1,
                "title": HOURS.title,
                "headings": list(HOURS.headings),
                "quote": HOURS.quote,
                "text": HOURS.quote,
                "score": 1.0,
                "similarity": 0.4,
            }
        ],
    },
)
NOTHING = ToolAnswer("search_knowledge_base", {"ok": True, "passages": []})
AWAY = ToolAnswer("search_knowledge_base", {"ok": False, "problem": "unavailable"})


def test_a_question_gets_the_sentence_that_answers_it() -> None:
    quote = quoted("when do you close", [HOURS, DELIVERY, FAR], 1)
    assert quote is not None
    assert quote.text == "We are open from 7:00 to 19:00. [1]"


def test_more_is_quoted_where_more_is_wanted() -> None:
    quote = quoted("when do you open on sundays", [HOURS], 4)
    assert quote is not None
    assert quote.sentences == (
        "We are open from 7:00 to 19:00.",
        "On Sundays we open at 9:00.",
    )


def test_a_list_is_quoted_without_its_marks() -> None:
    quote = quoted("how much is delivery", [FAR, DELIVERY], 1)
    assert quote is not None
    assert quote.text == "Delivery costs €2.50. [2]"


def test_what_was_found_by_its_words_counts_by_them() -> None:
    quote = quoted("what is the wifi password", [BY_WORDS], 1)
    assert quote is not None
    assert quote.number == 4
    assert quoted("what is the wifi speed limit upstairs", [BY_WORDS], 1) is None


@pytest.mark.parametrize(
    "question", ["who won the match", "do you sell umbrellas", "is the roof made of glass", ""]
)
def test_what_is_far_from_the_question_answers_nothing(question: str) -> None:
    assert quoted(question, [FAR, DELIVERY], 4) is None


def test_nothing_found_is_nothing_said() -> None:
    assert quoted("when do you close", [], 4) is None
    assert passages_of({}) == ()


def test_what_the_menu_does_not_know_is_looked_up() -> None:
    step = next_step("when do you close?", [MENU], Memory(), HOST)
    assert step == Call("search_knowledge_base", {"query": "when do you close"})
    told = next_step("when do you close?", [MENU, FOUND], Memory(), HOST)
    assert isinstance(told, Say)
    assert told.text == "We are open from 7:00 to 19:00. [1]"


def test_a_guide_says_where_it_stands() -> None:
    told = next_step("when do you close?", [MENU, FOUND], Memory(), GUIDE)
    assert isinstance(told, Say)
    assert told.text.startswith("From “House rules”: We are open")


def test_where_documents_are_silent_nothing_is_made_up() -> None:
    told = next_step("when do you close?", [MENU, NOTHING], Memory(), HOST)
    assert isinstance(told, Say)
    assert told.text == "I'm afraid I don't know that; our staff can tell you."


def test_while_documents_are_away_that_is_said() -> None:
    told = next_step("when do you close?", [MENU, AWAY], Memory(), HOST)
    assert isinstance(told, Say)
    assert "can't look that up right now" in told.text


def test_only_a_guide_looks_up_what_the_menu_knows() -> None:
    menu = ToolAnswer(
        "retrieve_menu",
        {"currency_code": "EUR", "products": [{"name": "Ramen", "price_minor": "1200"}]},
    )
    assert isinstance(next_step("how much is the ramen?", [menu], Memory(), HOST), Say)
    step = next_step("how much is the ramen?", [menu], Memory(), GUIDE)
    assert step == Call("search_knowledge_base", {"query": "how much is the ramen"})


def test_a_question_that_looks_like_an_order_is_looked_up_before_it_is_refused() -> None:
    refused = ToolAnswer(
        "update_cart",
        {
            "cart": {"lines": []},
            "changed": False,
            "refusals": [{"kind": "not_on_menu", "phrase": "sunday hours"}],
        },
    )
    step = next_step("Sunday hours?", [refused], Memory(), HOST)
    assert step == Call("search_knowledge_base", {"query": "sunday hours"})
    told = next_step("Sunday hours?", [refused, FOUND], Memory(), HOST)
    assert isinstance(told, Say)
    assert "[1]" in told.text
    assert "don't have" not in told.text
    silent = next_step("Sunday hours?", [refused, NOTHING], Memory(), HOST)
    assert isinstance(silent, Say)
    assert "don't have sunday hours" in silent.text
