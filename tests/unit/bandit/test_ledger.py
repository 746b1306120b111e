"""However often rewards are said anew, statistics are those of what holds in the end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bandit.ledger import (
    Account,
    Discount,
    Ledger,
    Observation,
    RewardRow,
    difference,
    replay,
)
from services.bandit.linucb import ArmStatistics

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = timedelta(hours=24)
DIMENSION = 4
DECISIONS = 12
SOURCES = ("rating", "order", "session")


def observation(number: int, *, is_current: bool = True) -> Observation:
    """The decision of that number, an hour after the one before."""
    at = BEGAN + timedelta(hours=number)
    x = np.random.default_rng(number).uniform(-1, 1, DIMENSION)
    arm = ("host", "seller", "guide")[number % 3]
    return Observation(UUID(int=number), arm, x, at, at + WINDOW, is_current)


def report(number: int, source: str, value: float, after: timedelta = timedelta()) -> RewardRow:
    return RewardRow(UUID(int=number), source, value, observation(number).create_time + after)


def end(number: int, default: float = 0.0) -> RewardRow:
    return RewardRow(UUID(int=number), None, default, observation(number).expire_time)


OBSERVATIONS = [observation(number) for number in range(DECISIONS)]
numbers = st.integers(0, DECISIONS - 1)
reports = st.builds(
    report,
    numbers,
    st.sampled_from(SOURCES),
    st.floats(-1, 1),
    st.timedeltas(timedelta(), 2 * WINDOW),
)
rows = st.lists(st.one_of(reports, st.builds(end, numbers, st.floats(-1, 1))), max_size=60)
half_lives = st.sampled_from([None, timedelta(hours=3), timedelta(days=30)])


def in_the_end(
    rows: Sequence[RewardRow], half_life: timedelta | None
) -> Mapping[str, ArmStatistics]:
    """The same figured out anew: first what each decision is worth in the end, then the sums."""
    worth: dict[UUID, float] = {}
    for one in OBSERVATIONS:
        values: dict[str, float] = {}
        for row in rows:
            if row.decision_id != one.decision_id:
                continue
            if row.source is None:
                worth.setdefault(one.decision_id, row.value)
                break
            if row.report_time <= one.expire_time:
                values[row.source] = row.value
                worth[one.decision_id] = min(1.0, max(-1.0, sum(values.values())))
    arms: dict[str, ArmStatistics] = {}
    for one in OBSERVATIONS:
        if one.decision_id not in worth:
            continue
        reward = worth[one.decision_id]
        age = (one.create_time - BEGAN) / half_life if half_life else 0.0
        arm = arms.setdefault(one.arm_id, ArmStatistics.empty(DIMENSION))
        arm.a += 2.0**age * np.outer(one.vector, one.vector)
        arm.b += 2.0**age * reward * one.vector
        arm.learned += 1
        arm.reward_sum += reward
    return arms


@given(rows, half_lives)
def test_statistics_are_those_of_what_every_decision_is_worth_in_the_end(
    rows: list[RewardRow], half_life: timedelta | None
) -> None:
    found = replay(OBSERVATIONS, rows, Discount(BEGAN, half_life), DIMENSION)
    assert difference(found, in_the_end(rows, half_life)) <= 1e-9


@given(rows, st.randoms(use_true_random=False))
def test_the_order_between_decisions_changes_nothing(
    rows: list[RewardRow], random: "object"
) -> None:
    queues = [[row for row in rows if row.decision_id == one.decision_id] for one in OBSERVATIONS]
    mixed = []
    while any(queues):
        queue = random.choice([queue for queue in queues if queue])  # type: ignore[attr-defined]
        mixed.append(queue.pop(0))
    discount = Discount(BEGAN, timedelta(hours=5))
    one = replay(OBSERVATIONS, rows, discount, DIMENSION)
    other = replay(OBSERVATIONS, mixed, discount, DIMENSION)
    assert difference(one, other) <= 1e-9


@given(rows, st.lists(st.integers(1, 9), max_size=20), half_lives)
def test_applied_in_batches_they_come_to_the_same(
    rows: list[RewardRow], sizes: list[int], half_life: timedelta | None
) -> None:
    discount = Discount(BEGAN, half_life)
    accounts = {one.decision_id: Account(one) for one in OBSERVATIONS}
    arms: dict[str, ArmStatistics] = {}
    left = iter(rows)
    for size in [*sizes, len(rows)]:
        ledger = Ledger(discount, DIMENSION, arms, accounts)
        for row in islice(left, size):
            ledger.apply(row)
        arms = ledger.arms
    assert difference(arms, replay(OBSERVATIONS, rows, discount, DIMENSION)) <= 1e-9


@given(rows)
def test_what_a_decision_contributes_stays_in_its_range(rows: list[RewardRow]) -> None:
    accounts = {one.decision_id: Account(one) for one in OBSERVATIONS}
    ledger = Ledger(Discount(BEGAN, None), DIMENSION, {}, accounts)
    for row in rows:
        ledger.apply(row)
    assert all(one.reward is None or -1 <= one.reward <= 1 for one in accounts.values())


def learned(rows: Sequence[RewardRow]) -> tuple[list[bool], Account]:
    """What was learned of each row of decision 0, and where it stands."""
    account = Account(OBSERVATIONS[0])
    ledger = Ledger(Discount(BEGAN, None), DIMENSION, {}, {UUID(int=0): account})
    return [ledger.apply(row) for row in rows], account


def test_sources_add_up_and_a_newer_value_replaces_its_own() -> None:
    told, account = learned(
        [report(0, "order", 0.25), report(0, "rating", -1.0), report(0, "rating", 0.5)]
    )
    assert told == [True] * 3
    assert account.reward == pytest.approx(0.75)


def test_more_than_one_is_one() -> None:
    _, account = learned([report(0, "rating", 1.0), report(0, "order", 0.25)])
    assert account.reward == 1.0


def test_after_the_end_of_the_window_a_reward_is_only_logged() -> None:
    told, account = learned([report(0, "rating", 0.5), end(0), report(0, "order", 0.25)])
    assert told == [True, False, False]
    assert account.reward == 0.5


def test_a_reward_reported_too_late_is_only_logged_though_the_end_was_not_written_yet() -> None:
    late = report(0, "rating", 1.0, WINDOW + timedelta(seconds=1))
    told, account = learned([late, end(0, default=-0.25)])
    assert told == [False, True]
    assert account.reward == -0.25


def test_a_reward_reported_in_time_is_learned_though_it_is_applied_after_the_window() -> None:
    told, account = learned([report(0, "rating", 1.0, WINDOW), end(0)])
    assert told == [True, False]
    assert account.reward == 1.0


def test_a_decision_of_features_that_are_no_more_teaches_nothing() -> None:
    account = Account(observation(0, is_current=False))
    ledger = Ledger(Discount(BEGAN, None), DIMENSION, {}, {UUID(int=0): account})
    assert not ledger.apply(report(0, "rating", 1.0))
    assert not ledger.apply(end(0))
    assert (ledger.arms, account.is_expired) == ({}, True)


def test_another_base_changes_no_share() -> None:
    discount = Discount(BEGAN, timedelta(hours=6))
    now = BEGAN + timedelta(days=400)
    assert discount.needs_rebase(now)
    later = discount.rebased(now)
    assert not later.needs_rebase(now)
    moment = BEGAN + timedelta(days=10)
    assert later.weight(moment) == pytest.approx(
        discount.weight(moment) * discount.present(now), rel=1e-12
    )
    assert discount.present(BEGAN + timedelta(days=100_000)) == 0.0


def test_a_missing_arm_and_a_number_that_is_off_are_told() -> None:
    rows = [report(number, "rating", 0.5) for number in range(DECISIONS)]
    discount = Discount(BEGAN, None)
    right = replay(OBSERVATIONS, rows, discount, DIMENSION)
    wrong = replay(OBSERVATIONS, rows, discount, DIMENSION)
    wrong["host"].b[0] += 1e-6
    assert difference(wrong, right) > 1e-9
    del wrong["host"]
    assert difference(wrong, right) == float("inf")
