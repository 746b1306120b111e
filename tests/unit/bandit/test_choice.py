"""Probabilities are what is drawn from."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bandit.choice import best_with_floor, draw, uniform

arms = st.lists(st.tuples(st.floats(-10, 10), st.booleans()), min_size=1, max_size=64).filter(
    lambda found: any(eligible for _, eligible in found)
)
shares = st.floats(0, 1)


@given(arms, shares)
def test_probabilities_sum_to_one(found: list[tuple[float, bool]], floor: float) -> None:
    scores, eligible = zip(*found, strict=True)
    assert sum(best_with_floor(scores, eligible, floor)) == pytest.approx(1.0, abs=1e-9)
    assert sum(uniform(eligible)) == pytest.approx(1.0, abs=1e-9)


@given(arms, shares, st.floats(0, 1, exclude_max=True))
def test_an_excluded_arm_is_never_drawn(
    found: list[tuple[float, bool]], floor: float, chance: float
) -> None:
    scores, eligible = zip(*found, strict=True)
    probabilities = best_with_floor(scores, eligible, floor)
    assert [
        one for one, free in zip(probabilities, eligible, strict=True) if not free and one
    ] == []
    assert eligible[draw(probabilities, chance)]
    assert eligible[draw(uniform(eligible), chance)]


@given(arms, shares)
def test_every_eligible_arm_has_its_share_of_the_floor(
    found: list[tuple[float, bool]], floor: float
) -> None:
    scores, eligible = zip(*found, strict=True)
    least = floor / sum(eligible)
    probabilities = best_with_floor(scores, eligible, floor)
    assert all(
        one >= least - 1e-12 for one, free in zip(probabilities, eligible, strict=True) if free
    )


def test_the_best_arm_takes_what_the_floor_leaves() -> None:
    found = best_with_floor([0.2, 0.9, 0.5], [True, True, True], 0.3)
    assert found == pytest.approx([0.1, 0.8, 0.1])


def test_equals_share() -> None:
    found = best_with_floor([0.9, 0.1 + 0.8, 0.5, 0.9], [True, True, True, False], 0.3)
    assert found == pytest.approx([0.45, 0.45, 0.1, 0.0])


def test_arms_are_drawn_as_often_as_their_probabilities_say() -> None:
    random = Random(11)
    probabilities = [0.5, 0.0, 0.2, 0.3]
    drawn = Counter(draw(probabilities, random.random()) for _ in range(20_000))
    assert [drawn[arm] / 20_000 for arm in range(4)] == pytest.approx(probabilities, abs=0.015)


def test_a_draw_at_the_very_end_falls_on_an_arm_that_could_be_chosen() -> None:
    thirds = [1 / 3, 1 / 3, 1 / 3 - 1e-9, 0.0]
    assert draw(thirds, 1 - 1e-16) == 2
