"""Scores of orders placed against orders recorded."""

import pytest

from services.assembly.evals.scoring import Line, Order, Replay, gold_order, score


def replay(gold: Order | None, placed: Order | None, **more: object) -> Replay:
    """A replay of scenario "s"."""
    return Replay("s", gold, placed, **more)  # type: ignore[arg-type]


def order(*lines: Line, order_type: str = "") -> Order:
    """An order of these lines."""
    return Order(lines, order_type)


LATTE = Line("Latte", 1, {"milk": "Oat Milk"}, ("Vanilla",))
MOCHA = Line("Mocha", 2)


def test_the_same_lines_in_any_order_are_exact() -> None:
    result = score([replay(order(LATTE, MOCHA), order(MOCHA, LATTE))])
    assert (result["exact"], result["line_f1"]) == (1.0, 1.0)
    assert result["slot_f1"] == {"item": 1.0, "option": 1.0, "addon": 1.0}


def test_defaults_said_aloud_do_not_count() -> None:
    spoken = Line("Mocha", 2, {"milk": "Whole Milk", "caffeine": "Caff", "heat": "Hot"})
    assert score([replay(order(MOCHA), order(spoken))])["exact"] == 1.0


@pytest.mark.parametrize(
    "other",
    [
        Line("Latte", 2, {"milk": "Oat Milk"}, ("Vanilla",)),
        Line("Latte", 1, {}, ("Vanilla",)),
        Line("Latte", 1, {"milk": "Oat Milk"}),
        Line("Latte", 1, {"milk": "Oat Milk"}, ("Vanilla", "Vanilla")),
        Line("Flat White", 1, {"milk": "Oat Milk"}, ("Vanilla",)),
    ],
)
def test_one_difference_is_not_exact(other: Line) -> None:
    assert score([replay(order(LATTE), order(other))])["exact"] == 0.0


def test_an_order_never_placed_is_wrong_where_one_was_wanted() -> None:
    result = score([replay(order(LATTE), None), replay(order(LATTE), order(LATTE))])
    assert (result["exact"], result["line_f1"]) == (0.5, pytest.approx(2 / 3))


def test_marked_rows_are_left_out_of_one_measure() -> None:
    result = score([replay(order(LATTE), None, marked=True), replay(order(LATTE), order(LATTE))])
    assert (result["exact"], result["exact_unmarked"]) == (0.5, 1.0)


def test_notes_match_by_normalised_words() -> None:
    gold = order(Line("Mocha", 1, note="Extra hot!"))
    half = order(Line("Mocha", 1, note="extra foam"))
    assert score([replay(gold, order(Line("Mocha", 1, note="extra hot")))])["note_match"] == 1.0
    assert score([replay(gold, half)])["note_match"] == 0.5
    assert score([replay(order(MOCHA), half)])["note_match"] is None


def test_the_order_type_counts_only_where_it_was_said() -> None:
    gold, placed = order(MOCHA, order_type="To Go"), order(MOCHA, order_type="Here")
    assert score([replay(gold, placed)])["order_type"] is None
    assert score([replay(gold, placed, score_order_type=True)])["order_type"] == 0.0


def test_orders_nobody_asked_for_are_counted() -> None:
    unasked = replay(None, order(MOCHA))
    unapproved = replay(order(MOCHA), order(MOCHA), explicit_yes=False)
    result = score([unasked, unapproved, replay(None, None), replay(order(MOCHA), None)])
    assert result["false_orders"] == 2
    assert result["per_scenario"]["s"]["no_order"] == 0.5


def test_questions_and_crashes_are_summed() -> None:
    result = score([replay(None, None, clarified=2), replay(None, None, crashed=True, clarified=1)])
    assert (result["n"], result["finished_n"]) == (2, 0)
    assert (result["clarified"], result["crashes"]) == (3, 1)


def test_a_dialogue_that_was_not_finished_has_no_order() -> None:
    assert gold_order({"outcome": "not_finished", "gold": {"lines": []}}) is None
    line = {"item": "Mocha", "quantity": 2, "options": {}, "addons": [], "notes": None}
    record = {"outcome": "finished", "gold": {"lines": [line], "order_type": "Here"}}
    assert gold_order(record) == order(MOCHA, order_type="Here")
