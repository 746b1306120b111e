"""Regularities rest on counts, and on enough of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.intervals import differ, logit_normal, wilson
from services.learning.patterns import Pattern, PatternKind, find
from services.learning.tallies import Tally
from tests.unit.learning.doings import tally


def kinds(*tallies: Tally) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(one.kind.value, one.subject, one.agent_ids) for one in find(tallies)}


def test_agents_that_agree_on_what_turns_out_well_are_a_consensus() -> None:
    both = [tally("host", "upsell:muffin", 20, 17), tally("seller", "upsell:muffin", 20, 16)]
    assert kinds(*both) == {("consensus", "upsell:muffin", ("host", "seller"))}


def test_one_agent_alone_is_no_consensus() -> None:
    assert kinds(tally("host", "upsell:muffin", 40, 40)) == set()


def test_an_agent_clearly_better_than_all_others_is_an_expert() -> None:
    assert kinds(
        tally("guide", "answer", 40, 38),
        tally("host", "answer", 30, 12),
        tally("x", "answer", 5, 2),
    ) == {("expert", "answer", ("guide",))}


def test_an_agent_better_by_chance_is_none() -> None:
    assert kinds(tally("guide", "answer", 12, 8), tally("host", "answer", 12, 5)) == set()


def test_confidence_that_is_borne_out_is_told() -> None:
    sure = tally("guide", "answer", 30, 27, confident=True)
    unsure = tally("guide", "answer", 30, 10)
    (pattern,) = find([sure, unsure])
    assert pattern == Pattern(
        PatternKind.HIGH_CONFIDENCE, "answer", ("guide",), 30, 27, wilson(27, 30)[0]
    )


def test_confidence_that_is_not_borne_out_is_not() -> None:
    assert kinds(tally("guide", "answer", 30, 14, confident=True)) == set()


def test_nine_outcomes_are_too_few() -> None:
    assert (
        kinds(tally("host", "serve", 9, 9, confident=True), tally("seller", "serve", 9, 0)) == set()
    )


def test_the_surest_come_first() -> None:
    found = find(
        [
            tally("host", "upsell:muffin", 20, 18, confident=True),
            tally("host", "upsell:scone", 200, 195, confident=True),
        ]
    )
    assert [one.subject for one in found] == ["upsell:scone", "upsell:muffin"]


@given(st.integers(1, 500), st.data())
def test_a_share_lies_in_its_interval(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


def test_the_interval_is_wilsons() -> None:
    """(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) at p = 0.9, n = 10, worked by hand."""
    assert wilson(9, 10) == pytest.approx((0.6526, 0.9776), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.4))
def test_a_mean_lies_in_its_interval(mean: float, deviation: float) -> None:
    low, high = logit_normal(mean, deviation)
    assert 0 <= low < mean < high <= 1


def test_shares_differ_when_chance_does_not_explain_it() -> None:
    assert differ((30, 60), (10, 60))
    assert not differ((30, 60), (28, 60))
    assert not differ((3, 4), (0, 0))
