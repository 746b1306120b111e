"""Records are told as people say them."""

from typing import Any

import pytest

from services.coordinator.models.local.passages import passages_of, quoted

HOURS = """name: The Corner
address: 12 Mill Lane
opening_hours.Monday: 07:00 to 18:00
opening_hours.Sunday: 09:00 to 17:00"""
HOLIDAY = """name: Christmas Day
date: 25 December
hours: closed all day"""


def answered(question: str, text: str, **more: Any) -> str:
    found = passages_of(
        {"passages": [{"number": 1, "quote": text, "text": text, "similarity": 0.5, **more}]}
    )
    quote = quoted(question, found, 2)
    return "" if quote is None else quote.text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("when are you open", "Opening hours: Monday 07:00 to 18:00, Sunday 09:00 to 17:00. [1]"),
        ("when are you open on sunday", "Opening hours: Sunday 09:00 to 17:00. [1]"),
        ("what is your address", "Address: 12 Mill Lane. [1]"),
    ],
)
def test_of_a_record_those_facts_are_told_that_were_asked_for(question: str, text: str) -> None:
    assert answered(question, HOURS) == text


def test_a_record_of_that_name_is_told_whole() -> None:
    told = "Christmas Day: date 25 December, hours closed all day. [1]"
    assert answered("are you open on christmas", HOLIDAY) == told


def test_records_of_the_menu_are_left_to_the_menu() -> None:
    dish = "name: Soup\nprice: 4.50"
    assert answered("how is the soup", dish, kind=2) == ""
    assert answered("how is the soup", "Our soup is hot.", kind=2) == "Our soup is hot. [1]"
