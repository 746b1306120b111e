"""However much is said at once, the conversation goes on."""

import pytest

from services.orders.carts.cart import Cart
from services.orders.carts.limits import MOST_LINES, MOST_TOKENS, read
from services.orders.carts.operations import apply
from services.orders.carts.parsing import CartParser
from services.orders.carts.reading import Focus, ParseResult, RefusalKind
from tests.unit.orders.menus import CATALOG, cart, line

PARSER = CartParser(CATALOG)
FULL = cart(
    *(line("water", line_id=f"l{n}", note=f"for table {n}") for n in range(1, MOST_LINES + 1))
)


def said(text: str, to: Cart | None = None, focus: Focus | None = None) -> ParseResult:
    return read(PARSER, CATALOG, text, to or Cart(), focus or Focus())


def test_what_is_beyond_two_hundred_words_is_told_unread() -> None:
    text = "water " * (MOST_TOKENS + 3)
    reading = said(text)
    assert [span.text for span in reading.unparsed] == ["water water water "]
    assert text[reading.unparsed[0].start :] == "water water water "
    assert reading.confidence < said("water " * MOST_TOKENS).confidence


def test_a_text_of_two_hundred_words_is_read_whole() -> None:
    assert said("water " * MOST_TOKENS).unparsed == ()


def test_a_line_more_than_a_cart_may_have_is_refused() -> None:
    reading = said("a pizza", FULL)
    assert reading.operations == ()
    assert [(one.kind, one.phrase, one.id) for one in reading.refusals] == [
        (RefusalKind.TOO_MANY, "Pizza", "pizza")
    ]


def test_what_fits_a_line_there_is_goes_into_a_full_cart() -> None:
    full = cart(*FULL.lines[1:], line("pizza", line_id="l0"))
    after = apply(full, said("another pizza", full).operations)
    assert len(after.lines) == MOST_LINES
    assert after.lines[-1].quantity == 2


def test_as_many_lines_as_fit_are_added() -> None:
    almost = cart(*FULL.lines[1:])
    reading = said("a large pizza and a small pizza", almost)
    assert len(apply(almost, reading.operations).lines) == MOST_LINES
    assert [one.kind for one in reading.refusals] == [RefusalKind.TOO_MANY]


def test_a_full_cart_loses_nothing_to_a_line_that_cannot_be_split() -> None:
    full = cart(*FULL.lines[1:], line("pizza", quantity=2, line_id="l0"))
    reading = said("make one of the pizzas large", full)
    assert apply(full, reading.operations) == full
    assert [one.kind for one in reading.refusals] == [RefusalKind.TOO_MANY]


@pytest.mark.parametrize("text", ["one", "the large one", "hmm"])
def test_a_focus_stays_as_short_as_the_contract_takes(text: str) -> None:
    focus = Focus(candidate_ids=("pizza", "sample"), phrase="x " * 250, pending_text="y " * 1000)
    after = said(text, focus=focus).focus
    assert len(after.phrase) <= 500
    assert len(after.pending_text) <= 2000
