"""Text to tokens and back."""

import pytest

from services.orders.carts.tokens import tokenize


def norms(text: str) -> list[str]:
    """The normalised tokens of a text."""
    return [token.norm for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Non-fat", ["non", "fat"]),
        ("isn't", ["is", "not"]),
        ("I’d like", ["i", "would", "like"]),
        ("it's Mike's", ["it", "is", "mike"]),
        ("Crème Brûlées", ["creme", "brulee"]),
        ("two percent", ["2%"]),
        ("2 %", ["2%"]),
        ("w/ & w/o", ["with", "and", "without"]),
        ("x2 and 3x", ["2", "and", "3"]),
        ("a couple", ["a", "2"]),
        ("yes...no", ["yes", ".", ".", ".", "no"]),
    ],
)
def test_spellings_of_the_same_thing_come_out_the_same(text: str, expected: list[str]) -> None:
    assert norms(text) == expected


def test_tokens_remember_where_they_stood() -> None:
    text = "Two lattés, please!"
    assert [text[t.start : t.end] for t in tokenize(text)] == ["Two", "lattés", ",", "please", "!"]


def test_numbers_are_values() -> None:
    assert [t.number for t in tokenize("two 12 latte 1000000000")] == [2, 12, None, None]
