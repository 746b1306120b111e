"""Outcomes fade with time, and it is the same whether they are added one by one or all at once."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.evidence import Evidence, Observation, gathered, observed
from services.learning.recommendations import Kind, Source
from tests.unit.learning.doings import NOON, after, recommendation, saw, told

HALF_LIFE = timedelta(hours=1)

observations = st.builds(
    Observation,
    time=st.timedeltas(timedelta(), timedelta(hours=12)).map(NOON.__add__),
    value=st.floats(0, 1),
    is_timely=st.booleans(),
    is_failure=st.booleans(),
)


def sums(evidence: Evidence) -> tuple[float, ...]:
    return (
        evidence.count,
        evidence.value,
        evidence.square,
        evidence.timely,
        evidence.unfailed,
    )


def at_once(seen: list[Observation], end: float) -> tuple[float, ...]:
    """The sums by their definition: each outcome weighs 2 to the minus its age in half-lives."""
    weights = [2.0 ** -((after(hours=end) - one.time) / HALF_LIFE) for one in seen]
    pairs = list(zip(weights, seen, strict=True))
    return (
        sum(weights),
        sum(weight * one.value for weight, one in pairs),
        sum(weight * one.value**2 for weight, one in pairs),
        sum(weight for weight, one in pairs if one.is_timely),
        sum(weight for weight, one in pairs if not one.is_failure),
    )


@given(st.lists(observations, max_size=30))
def test_adding_outcomes_one_by_one_gives_what_they_give_at_once(seen: list[Observation]) -> None:
    evidence = gathered(NOON, seen, HALF_LIFE).at(after(hours=13), HALF_LIFE)
    assert sums(evidence) == pytest.approx(at_once(seen, 13), rel=1e-9)


@given(st.lists(observations, max_size=20), st.randoms())
def test_the_order_outcomes_arrive_in_makes_no_difference(
    seen: list[Observation], chance: Random
) -> None:
    shuffled = list(seen)
    chance.shuffle(shuffled)
    one, other = (gathered(NOON, order, HALF_LIFE) for order in (seen, shuffled))
    assert one.as_of == other.as_of
    assert sums(one) == pytest.approx(sums(other), rel=1e-9)


@given(st.lists(observations, min_size=1, max_size=20), observations)
def test_an_outcome_taken_back_was_never_there(seen: list[Observation], extra: Observation) -> None:
    with_it = gathered(NOON, [*seen, extra], HALF_LIFE)
    without = gathered(NOON, seen, HALF_LIFE).at(with_it.as_of, HALF_LIFE)
    assert sums(with_it.minus(extra, HALF_LIFE)) == pytest.approx(
        sums(without), rel=1e-9, abs=1e-12
    )


def test_an_outcome_counts_half_after_a_half_life() -> None:
    evidence = gathered(NOON, [saw(1.0)], HALF_LIFE)
    assert evidence.at(after(hours=1), HALF_LIFE).count == pytest.approx(0.5)
    assert evidence.at(after(hours=3), HALF_LIFE).value == pytest.approx(0.125)


def test_time_does_not_go_back() -> None:
    evidence = gathered(NOON, [saw(1.0, minutes=60)], HALF_LIFE)
    assert evidence.at(NOON, HALF_LIFE) is evidence


def test_a_recommendation_without_an_outcome_is_no_observation() -> None:
    assert observed(recommendation(), timedelta(minutes=30)) is None


@pytest.mark.parametrize(("minutes", "timely"), [(30, True), (31, False)])
def test_an_outcome_is_timely_within_the_time_given(minutes: float, timely: bool) -> None:
    seen = observed(
        recommendation(outcome=told(1.0, minutes=minutes)), timely=timedelta(minutes=30)
    )
    assert seen is not None
    assert seen.is_timely is timely


@pytest.mark.parametrize(
    ("value", "source", "failed"),
    [
        (0.0, Source.SESSION, True),
        (0.25, Source.RATING, True),
        (0.5, Source.RATING, False),
        (0.0, Source.ORDER, False),
    ],
)
def test_left_carts_and_one_or_two_stars_are_failures_and_declined_offers_are_not(
    value: float, source: Source, failed: bool
) -> None:
    seen = observed(
        recommendation(Kind.UPSELL, "croissant", outcome=told(value, source)),
        timely=timedelta(minutes=30),
    )
    assert seen is not None
    assert seen.is_failure is failed
