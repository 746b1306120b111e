"""Trust is a posterior: it moves with evidence, fades to the prior, and acts in bounded steps."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.learning.trust import (
    LARGEST_BOOST,
    LARGEST_STEP,
    AgentTrust,
    State,
    has_changed,
    learned,
    scores,
    settled,
)
from tests.unit.learning.doings import NOON, POLICY, after, agent, evidence, saw

values = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=60)


def overall(trust: AgentTrust) -> float:
    return scores(trust.evidence).overall


def cycles(trust: AgentTrust, count: int) -> AgentTrust:
    for _ in range(count):
        trust = settled(trust, POLICY, NOON)
    return trust


def test_nothing_known_is_trusted_half() -> None:
    prior = scores(evidence())
    assert (prior.accuracy, prior.consistency, prior.timeliness) == (0.5, 0.5, 0.5)
    assert prior.overall == pytest.approx(0.5)
    assert prior.low < 0.25
    assert prior.high > 0.75


@given(values)
def test_every_part_and_the_interval_lie_between_0_and_1(outcomes: list[float]) -> None:
    found = scores(evidence(*outcomes))
    parts = (found.accuracy, found.consistency, found.timeliness, found.reliability)
    assert all(0 <= part <= 1 for part in parts)
    assert 0 < found.low < found.overall < found.high < 1


@given(values)
def test_a_good_outcome_never_costs_accuracy_and_a_bad_one_never_adds(
    outcomes: list[float],
) -> None:
    before = scores(evidence(*outcomes))
    assert scores(evidence(*outcomes, 1.0)).accuracy > before.accuracy
    assert scores(evidence(*outcomes, 0.0)).accuracy < before.accuracy
    assert scores(evidence(*outcomes, 0.0)).reliability < before.reliability


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_more_of_the_same_the_narrower_the_interval(good: int, bad: int) -> None:
    some = scores(evidence(*[1.0] * good, *[0.0] * bad))
    more = scores(evidence(*[1.0] * 4 * good, *[0.0] * 4 * bad))
    assert more.high - more.low < some.high - some.low


def test_evidence_that_fades_leaves_the_prior() -> None:
    known = agent("seller", *[1.0] * 50)
    assert overall(known) > 0.9
    assert overall(settled(known, POLICY, after(days=365))) == pytest.approx(0.5, abs=1e-6)


def test_steady_work_is_more_consistent_than_the_same_on_average() -> None:
    steady, wild = scores(evidence(*[0.5] * 20)), scores(evidence(*[0.0, 1.0] * 10))
    assert steady.accuracy == wild.accuracy
    assert steady.consistency > wild.consistency


def test_late_outcomes_cost_timeliness_alone() -> None:
    late = learned(agent(), [saw(1.0, timely=False)] * 5, [], POLICY, NOON)
    soon = learned(agent(), [saw(1.0)] * 5, [], POLICY, NOON)
    assert scores(late.evidence).timeliness < scores(soon.evidence).timeliness
    assert scores(late.evidence).accuracy == scores(soon.evidence).accuracy


@given(values, st.floats(-LARGEST_BOOST, LARGEST_BOOST))
def test_a_boost_moves_at_most_a_tenth_towards_its_trust(
    outcomes: list[float], boost: float
) -> None:
    before = replace(agent("seller", *outcomes), boost=boost)
    assume(before.evidence.count >= POLICY.minimum_evidence)
    now = settled(before, POLICY, NOON)
    wanted = overall(before) - 0.5
    assert abs(now.boost - boost) <= LARGEST_STEP + 1e-12
    assert abs(now.boost) <= LARGEST_BOOST
    assert abs(now.boost - wanted) <= abs(boost - wanted)


def test_a_boost_arrives_in_steps() -> None:
    good = agent("seller", *[1.0] * 50)
    assert [round(cycles(good, count).boost, 3) for count in range(1, 5)] == [0.1, 0.2, 0.3, 0.4]
    assert cycles(good, 9).boost == pytest.approx(overall(good) - 0.5)


@given(st.lists(st.sampled_from([0.0, 1.0]), max_size=4))
def test_below_the_minimum_of_evidence_there_is_no_boost_and_nobody_is_disabled(
    outcomes: list[float],
) -> None:
    now = settled(agent("seller", *outcomes), POLICY, NOON)
    assert (now.boost, now.state) == (0.0, State.ACTIVE)


def test_evidence_that_fades_below_the_minimum_takes_the_boost_and_the_ban_along() -> None:
    bad = settled(agent("seller", *[0.0] * 30), POLICY, NOON)
    assert bad.state is State.DISABLED
    assert bad.boost < 0
    later = settled(bad, POLICY, after(days=7 * 3))
    assert (later.boost, later.state) == (0.0, State.ACTIVE)


def test_an_agent_is_disabled_at_a_cycle_and_not_before() -> None:
    bad = learned(agent(), [saw(0.0)] * 30, [], POLICY, NOON)
    assert overall(bad) < POLICY.disabled_below
    assert bad.state is State.ACTIVE
    assert settled(bad, POLICY, NOON).state is State.DISABLED


def test_a_disabled_agent_returns_by_good_outcomes() -> None:
    bad = settled(agent("seller", *[0.0] * 12), POLICY, NOON)
    assert bad.state is State.DISABLED
    better = learned(bad, [saw(1.0)] * 8, [], POLICY, NOON)
    assert settled(better, POLICY, NOON).state is State.ACTIVE


@pytest.mark.parametrize(("outcome", "hand"), [(1.0, State.DISABLED), (0.0, State.ACTIVE)])
def test_a_manager_wins_either_way(outcome: float, hand: State) -> None:
    held = replace(agent("seller", *[outcome] * 30), override=hand)
    assert settled(held, POLICY, NOON).state is hand
    freed = replace(settled(held, POLICY, NOON), override=None)
    assert freed.state is not hand


def test_a_replaced_outcome_leaves_no_trace() -> None:
    first = learned(agent(), [saw(0.0)], [], POLICY, NOON)
    replaced = learned(first, [saw(1.0)], [saw(0.0)], POLICY, NOON)
    assert scores(replaced.evidence) == scores(evidence(1.0))


def test_a_change_is_told_when_it_is_noticeable() -> None:
    known = agent("seller", *[1.0] * 200)
    known = replace(known, told=overall(known))
    assert not has_changed(known, learned(known, [saw(1.0)], [], POLICY, NOON))
    assert has_changed(known, learned(known, [saw(0.0)] * 3, [], POLICY, NOON))
    assert has_changed(known, replace(known, override=State.DISABLED))
    assert has_changed(known, replace(known, boost=0.1))
