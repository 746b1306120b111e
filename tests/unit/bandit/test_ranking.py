"""A policy's choice among arms, given what it knows."""

from datetime import timedelta

import numpy as np
import pytest

from services.bandit.linucb import LinUcb
from services.bandit.policy import PolicySettings, UnknownFeature, serving_settings
from services.bandit.ranking import NoEligibleArm, rank

SERVING = serving_settings(timedelta(days=1))
ARMS: dict[str, dict[str, float]] = {"host": {"trust": 0.5}, "seller": {}, "guide": {"trust": -1.0}}


def trained(settings: PolicySettings) -> LinUcb:
    """A model to which the seller was worth more."""
    model = LinUcb(settings.dimension, settings.ridge, {})
    vectors = settings.vectors({"weekend": 1.0}, [{}])
    for _ in range(50):
        model.learn("host", vectors[0], -0.5)
        model.learn("seller", vectors[0], 0.8)
        model.learn("guide", vectors[0], 0.1)
    return model


def test_there_is_a_bias_then_the_context_then_the_arms_own_features() -> None:
    vectors = SERVING.vectors({"hour_sin": 0.25, "returning_guest": 1.0}, list(ARMS.values()))
    assert vectors.shape == (3, 12)
    assert vectors[:, 0].tolist() == [1.0, 1.0, 1.0]
    assert vectors[0].tolist() == [1.0, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 1.0, 0.5]
    assert vectors[:, -1].tolist() == [0.5, 0.0, -1.0]


def test_what_was_worth_more_is_chosen() -> None:
    ranking = rank(SERVING, trained(SERVING), {"weekend": 1.0}, ARMS, (), 0.5)
    assert ranking.chosen == 1
    assert ranking.probabilities == pytest.approx([0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3])
    assert ranking.vector.tolist() == SERVING.vectors({"weekend": 1.0}, [{}])[0].tolist()


def test_without_a_context_chance_decides() -> None:
    ranking = rank(SERVING, trained(SERVING), {}, ARMS, (), 0.99)
    assert ranking.probabilities == pytest.approx([1 / 3] * 3)
    assert ranking.chosen == 2


def test_among_arms_nobody_knows_chance_decides() -> None:
    fresh = LinUcb(SERVING.dimension, SERVING.ridge, {})
    same: dict[str, dict[str, float]] = {"a": {}, "b": {}, "c": {}, "d": {}}
    ranking = rank(SERVING, fresh, {"weekend": 1.0, "sentiment": -0.3}, same, (), 0.8)
    assert ranking.probabilities == pytest.approx([0.25] * 4)
    assert ranking.chosen == 3


def test_an_excluded_arm_has_no_chance_and_no_score() -> None:
    ranking = rank(SERVING, trained(SERVING), {"weekend": 1.0}, ARMS, ("seller", "stranger"), 0.5)
    assert ranking.chosen == 2
    assert (ranking.probabilities[1], ranking.scores[1]) == (0.0, 0.0)
    assert sum(ranking.probabilities) == pytest.approx(1.0)
    assert ranking.scores[0] != 0.0


def test_with_all_arms_excluded_there_is_no_choice() -> None:
    with pytest.raises(NoEligibleArm):
        rank(SERVING, trained(SERVING), {}, ARMS, tuple(ARMS), 0.5)


@pytest.mark.parametrize(
    ("context", "arms"), [({"mood": 1.0}, ARMS), ({}, {"host": {"mood": 0.5}})]
)
def test_a_feature_the_policy_lacks_is_refused(
    context: dict[str, float], arms: dict[str, dict[str, float]]
) -> None:
    with pytest.raises(UnknownFeature, match="mood"):
        rank(SERVING, trained(SERVING), context, arms, (), 0.5)


def test_more_width_explores_what_is_known_less() -> None:
    model = LinUcb(SERVING.dimension, 1.0, {})
    vector = SERVING.vectors({"weekend": 1.0}, [{}])
    for _ in range(30):
        model.learn("host", vector[0], 0.3)
    known, unknown = model.upper_bounds(("host", "guide"), np.repeat(vector, 2, axis=0), 0.0)
    assert known > unknown
    known, unknown = model.upper_bounds(("host", "guide"), np.repeat(vector, 2, axis=0), 2.0)
    assert unknown > known
