"""Carts and orders in words."""

import pytest

from services.assembly.cli.chat import printable
from services.assembly.receipt import line_in_words, money, rows

LATTE = {
    "product_name": "Latte",
    "quantity": 2,
    "total_minor": "900",
    "options": [
        {"option_name": "Oat milk"},
        {"option_name": "Hot", "is_default": True},
        {"option_name": "Sugar", "quantity": 0},
        {"option_name": "Shot", "quantity": 2},
    ],
    "add_ons": [{"add_on_name": "Cocoa", "quantity": 0}],
    "note": "very hot",
}


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        ("380", "EUR", "3.80 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-60, "EUR", "−0.60 EUR"),
        (500, "JPY", "500 JPY"),
    ],
)
def test_an_amount_is_said_as_its_currency_is_counted(
    minor: int | str, currency: str, words: str
) -> None:
    assert money(minor, currency) == words


def test_a_line_says_what_was_chosen_and_no_default() -> None:
    assert line_in_words(LATTE) == "2× Latte (Oat milk, no Sugar, 2× Shot, Cocoa, “very hot”)"


def test_a_cart_says_what_is_taken_off_and_what_is_to_be_paid() -> None:
    cart = {
        "currency_code": "EUR",
        "lines": [{"product_name": "Tea", "quantity": 1, "total_minor": "250"}],
        "order_choices": [
            {"option_name": "Take away", "price_delta_minor": "20"},
            {"option_name": "Napkins", "is_default": True},
        ],
        "discounts": [{"display_name": "Tea time", "reason": "before five", "amount_minor": "50"}],
        "total_minor": "270",
        "payable_minor": "220",
    }
    assert list(rows(cart)) == [
        ("1× Tea", "2.50 EUR"),
        ("Take away", "0.20 EUR"),
        ("Tea time (before five)", "−0.50 EUR"),
        ("to pay", "2.20 EUR"),
    ]


def test_what_a_model_says_cannot_steer_the_terminal() -> None:
    assert printable("red\x1b[31m, bell\x07\r\nnew line, “é”") == "red[31m, bell\nnew line, “é”"
