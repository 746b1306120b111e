"""The models choose as the paper's algorithm does, step for step."""

import numpy as np
import pytest

from services.bandit.linucb import ArmStatistics, LinUcb
from services.bandit.policy import FloatArray

ARMS = ("host", "seller", "guide")
DIMENSION = 5
ALPHA = 0.8
STEPS = 400


class Textbook:
    """Li et al. 2010, algorithm 1, line by line: a matrix to invert for every arm and step."""

    def __init__(self, ridge: float) -> None:
        self.a = {arm: ridge * np.eye(DIMENSION) for arm in ARMS}
        self.b = {arm: np.zeros(DIMENSION) for arm in ARMS}

    def bound(self, arm: str, x: FloatArray) -> float:
        inverse = np.linalg.inv(self.a[arm])
        theta = inverse @ self.b[arm]
        return float(theta @ x + ALPHA * np.sqrt(x @ inverse @ x))

    def learn(self, arm: str, x: FloatArray, reward: float) -> None:
        self.a[arm] = self.a[arm] + np.outer(x, x)
        self.b[arm] = self.b[arm] + reward * x


def observations(seed: int) -> tuple[FloatArray, FloatArray]:
    """Vectors of every arm at every step, and what each arm would earn."""
    random = np.random.default_rng(seed)
    vectors = random.uniform(-1, 1, (STEPS, len(ARMS), DIMENSION))
    vectors[:, :, 0] = 1.0
    taste = random.uniform(-1, 1, (len(ARMS), DIMENSION))
    noise = random.normal(0, 0.3, (STEPS, len(ARMS)))
    return vectors, np.clip(np.einsum("skd,kd->sk", vectors, taste) / 2 + noise, -1, 1)


@pytest.mark.parametrize("ridge", [0.1, 1.0, 5.0])
def test_the_arms_chosen_are_the_textbooks(ridge: float) -> None:
    vectors, rewards = observations(seed=20261121)
    textbook, ours = Textbook(ridge), LinUcb(DIMENSION, ridge, {})
    sequence: list[tuple[int, int]] = []
    for x, r in zip(vectors, rewards, strict=True):
        expected = [textbook.bound(arm, one) for arm, one in zip(ARMS, x, strict=True)]
        found = ours.upper_bounds(ARMS, x, ALPHA)
        assert found == pytest.approx(expected, rel=1e-9)
        choice = int(np.argmax(expected))
        sequence.append((choice, int(np.argmax(found))))
        textbook.learn(ARMS[choice], x[choice], r[choice])
        ours.learn(ARMS[choice], x[choice], r[choice])
    assert all(wanted == got for wanted, got in sequence)
    assert {choice for choice, _ in sequence} == {0, 1, 2}


def test_models_of_statistics_are_those_that_learned_them_one_by_one() -> None:
    vectors, rewards = observations(seed=7)
    learned = LinUcb(DIMENSION, 1.0, {})
    statistics = {arm: ArmStatistics.empty(DIMENSION) for arm in ARMS}
    for x, r in zip(vectors[:100], rewards, strict=False):
        for arm, one, reward in zip(ARMS, x, r, strict=True):
            learned.learn(arm, one, float(reward))
            statistics[arm].a += np.outer(one, one)
            statistics[arm].b += reward * one
    made = LinUcb(DIMENSION, 1.0, statistics)
    x = vectors[-1]
    assert made.upper_bounds(ARMS, x, ALPHA) == pytest.approx(learned.upper_bounds(ARMS, x, ALPHA))


def test_an_arm_never_seen_is_all_uncertainty() -> None:
    known = ArmStatistics(np.eye(DIMENSION), np.ones(DIMENSION), learned=1, reward_sum=1.0)
    model = LinUcb(DIMENSION, 4.0, {"host": known})
    x = np.array([[1.0, 0.5, 0.0, -0.5, 0.25]] * 2)
    _, unseen = model.upper_bounds(("host", "new"), x, ALPHA)
    assert unseen == pytest.approx(ALPHA * np.sqrt(x[0] @ x[0] / 4.0))


def test_the_order_of_the_arms_asked_for_is_nothing_to_their_bounds() -> None:
    vectors, rewards = observations(seed=3)
    model = LinUcb(DIMENSION, 1.0, {})
    for number, (x, r) in enumerate(zip(vectors, rewards, strict=True)):
        model.learn(ARMS[number % 3], x[number % 3], float(r[number % 3]))
    forward = model.upper_bounds(ARMS, vectors[0], ALPHA)
    backward = model.upper_bounds(ARMS[::-1], vectors[0][::-1], ALPHA)
    assert backward[::-1].tolist() == forward.tolist()


def test_what_counts_less_leaves_the_ridge_alone() -> None:
    x = np.array([1.0, 0.5, 0.0, -0.5, 0.25])
    arm = ArmStatistics(10 * np.outer(x, x), 10 * x, learned=10, reward_sum=10.0)
    faded = LinUcb(DIMENSION, 1.0, {"host": arm}, weight=0.0)
    fresh = LinUcb(DIMENSION, 1.0, {})
    asked = (("host",), x[None, :], ALPHA)
    assert faded.upper_bounds(*asked) == pytest.approx(fresh.upper_bounds(*asked))
