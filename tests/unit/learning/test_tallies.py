"""Counts follow what is made and how it turns out, and never go below nothing."""

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.learning.recommendations import Kind, Outcome, Source
from services.learning.tallies import Counts, TallyKey, changes, served, subjects
from tests.unit.learning.doings import after, recommendation, tally, told

DAY = date(2026, 3, 2)


def key(subject: str, *, confident: bool = False) -> TallyKey:
    return TallyKey(DAY, "seller", subject, confident)


def test_an_offer_is_counted_as_its_kind_once_and_under_each_of_its_products() -> None:
    offer = recommendation(Kind.UPSELL, "muffin", "croissant", "muffin")
    assert subjects(offer) == ("upsell", "upsell:croissant", "upsell:muffin")
    assert changes([(None, offer)]) == {
        key("upsell"): Counts(1, 0, 0),
        key("upsell:croissant"): Counts(1, 0, 0),
        key("upsell:muffin"): Counts(1, 0, 0),
    }


def test_an_outcome_counts_on_the_day_of_what_it_is_about() -> None:
    made = recommendation(confidence=0.9)
    late = replace(made, outcome=Outcome(1.0, Source.RATING, after(days=3)))
    assert changes([(made, late)]) == {key("serve", confident=True): Counts(0, 1, 1)}


def test_a_replaced_outcome_moves_only_whether_it_was_good() -> None:
    good, bad = recommendation(outcome=told(1.0)), recommendation(outcome=told(0.0))
    assert changes([(good, bad)]) == {key("serve"): Counts(0, 0, -1)}


@given(st.lists(st.floats(0, 1), max_size=8))
def test_however_often_it_is_replaced_one_recommendation_counts_once(values: list[float]) -> None:
    total, known = Counts(), None
    for value in [None, *values]:
        now = recommendation(outcome=None if value is None else told(value))
        total += changes([(known, now)])[key("serve")]
        known = now
    assert total == Counts(1, int(bool(values)), int(bool(values) and values[-1] > 0.5))


def test_conversations_are_those_that_agents_took() -> None:
    tallies = [
        tally("host", "serve", 3, 1, made=7),
        tally("host", "serve", 0, 0, made=2, confident=True),
        tally("host", "answer", 4, 4),
        tally("guide", "serve", 0, 0, made=0),
    ]
    assert served(tallies) == {"host": 9}
