"""What a policy is told: its features, how far it explores, and how long it waits for rewards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

SERVING = "serving"


class UnknownFeature(ValueError):
    """A name that is none of the policy's features."""

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How a policy chooses and learns.

    Attributes:
        context_features: names, each value in [-1, 1].
        arm_features: names of what differs between arms, each value in [-1, 1].
        alpha: width of the confidence bound, at least 0.
        exploration_floor: share of choices spread evenly over all arms, in [0, 1].
        ridge: of the regression, above 0; never discounted.
        half_life: time after which an observation counts half; None for never.
        reward_window: how long after a decision its rewards are learned.
        default_reward: of a decision that got none in its window, in [-1, 1].
    """

    context_features: tuple[str, ...]
    arm_features: tuple[str, ...]
    alpha: float
    exploration_floor: float
    ridge: float
    half_life: timedelta | None
    reward_window: timedelta
    default_reward: float

    @property
    def dimension(self) -> int:
        """Length of a vector: the bias, the context's features, the arm's."""
        return 1 + len(self.context_features) + len(self.arm_features)

    def has_features_of(self, other: "PolicySettings") -> bool:
        """Whether what was learned under the other settings can be kept."""
        return (self.context_features, self.arm_features) == (
            other.context_features,
            other.arm_features,
        )

    def vectors(
        self, context: Mapping[str, float], arms: Sequence[Mapping[str, float]]
    ) -> FloatArray:
        """The vector of each arm, (arms, dimension); a feature left out is 0.

        Raises:
            UnknownFeature: the policy has no such feature.
        """
        shared = 1 + len(self.context_features)
        vectors = np.zeros((len(arms), self.dimension))
        vectors[:, 0] = 1.0
        vectors[:, 1:shared] = _values(self.context_features, context)
        for row, features in enumerate(arms):
            if features:
                vectors[row, shared:] = _values(self.arm_features, features)
        return vectors


def serving_settings(reward_window: timedelta) -> PolicySettings:
    """Of the policy every tenant has: who serves a guest."""
    return PolicySettings(
        context_features=(
            "hour_sin",
            "hour_cos",
            "weekend",
            "turn_index",
            "message_length",
            "sentiment",
            "intent_order",
            "intent_question",
            "cart_value",
            "returning_guest",
        ),
        arm_features=("trust",),
        alpha=0.5,
        exploration_floor=0.1,
        ridge=1.0,
        half_life=None,
        reward_window=reward_window,
        default_reward=0.0,
    )


def _values(names: tuple[str, ...], given: Mapping[str, float]) -> list[float]:
    found = [given.get(name) for name in names]
    if len(given) > len(names) - found.count(None):
        raise UnknownFeature(min(given.keys() - set(names)))
    return [value or 0.0 for value in found]
