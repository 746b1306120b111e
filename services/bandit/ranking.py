"""A policy as a replica knows it, and the choice it makes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.bandit.choice import best_with_floor, draw, uniform
from services.bandit.ledger import Discount
from services.bandit.linucb import ArmStatistics, LinUcb
from services.bandit.policy import FloatArray, PolicySettings


class NoEligibleArm(ValueError):
    """Every arm is excluded."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A policy at one version, never changed.

    Attributes:
        settings: as they were.
        generation: counts the changes of its features.
        version: counts the changes of its settings and statistics.
        discount: of the statistics.
        arms: the statistics by arm.
        create_time: when the policy was made.
        update_time: when it came to this version.
    """

    settings: PolicySettings
    generation: int
    version: int
    discount: Discount
    arms: Mapping[str, ArmStatistics]
    create_time: datetime
    update_time: datetime

    def model(self, weight: float) -> LinUcb:
        """What the statistics say at a time when they count `weight`, in (0, 1]."""
        return LinUcb(self.settings.dimension, self.settings.ridge, self.arms, weight)


@dataclass(frozen=True, slots=True)
class Ranking:
    """A choice, and what it was drawn from.

    Attributes:
        chosen: index of the arm.
        probabilities: of each arm, the chance it had.
        scores: of each arm, its upper confidence bound; 0 for an excluded one.
        vector: the chosen arm's x, (dimension,).
    """

    chosen: int
    probabilities: list[float]
    scores: list[float]
    vector: FloatArray


def rank(
    settings: PolicySettings,
    model: LinUcb,
    context: Mapping[str, float],
    arms: Mapping[str, Mapping[str, float]],
    excluded: Collection[str],
    chance: float,
) -> Ranking:
    """Chooses one of the arms.

    Args:
        settings: of the policy.
        model: of its arms.
        context: values by feature; empty if nothing is known, and then all arms are alike.
        arms: features of each arm by arm id.
        excluded: arms that must not be chosen.
        chance: a number uniform in [0, 1) that decides.

    Raises:
        UnknownFeature: a name is none of the policy's features.
        NoEligibleArm: all arms are excluded.
    """
    vectors = settings.vectors(context, list(arms.values()))
    eligible = [arm_id not in excluded for arm_id in arms]
    if not any(eligible):
        raise NoEligibleArm
    bounds = model.upper_bounds(tuple(arms), vectors, settings.alpha).tolist()
    if context:
        probabilities = best_with_floor(bounds, eligible, settings.exploration_floor)
    else:
        probabilities = uniform(eligible)
    chosen = draw(probabilities, chance)
    scores = [bound if one else 0.0 for bound, one in zip(bounds, eligible, strict=True)]
    return Ranking(chosen, probabilities, scores, vectors[chosen])
