"""Outcomes as sums that fade: what a posterior needs, whatever their number.

An outcome counts 1 when it comes and half of that after every half-life, by the time of the event
and not of its arrival. Sums refer to one instant, so that adding an outcome costs the same for the
first and the millionth; adding them one by one or all at once gives the same sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.learning.recommendations import Recommendation


@dataclass(frozen=True, slots=True)
class Observation:
    """One outcome as trust sees it: its value in [0, 1], whether in time, whether a failure."""

    time: datetime
    value: float
    is_timely: bool
    is_failure: bool


def observed(recommendation: Recommendation, timely: timedelta) -> Observation | None:
    """The outcome of a recommendation, None while there is none.

    Args:
        recommendation: as it turned out.
        timely: how long after it an outcome is still in time.
    """
    outcome = recommendation.outcome
    if outcome is None:
        return None
    return Observation(
        time=outcome.time,
        value=outcome.value,
        is_timely=outcome.time - recommendation.create_time <= timely,
        is_failure=outcome.is_failure,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Weighted sums over outcomes, each weight that of the outcome's age at `as_of`.

    Attributes:
        as_of: the instant the weights refer to; never goes back.
        count: of the weights.
        value: of the outcomes' values.
        square: of their squares.
        timely: of the weights of those in time.
        unfailed: of the weights of those that were no failure.
    """

    as_of: datetime
    count: float = 0.0
    value: float = 0.0
    square: float = 0.0
    timely: float = 0.0
    unfailed: float = 0.0

    def at(self, time: datetime, half_life: timedelta) -> "Evidence":
        """The sums as they are at `time`; unchanged if that is past."""
        if time <= self.as_of:
            return self
        faded = _weight(time - self.as_of, half_life)
        return Evidence(
            as_of=time,
            count=self.count * faded,
            value=self.value * faded,
            square=self.square * faded,
            timely=self.timely * faded,
            unfailed=self.unfailed * faded,
        )

    def plus(self, observation: Observation, half_life: timedelta) -> "Evidence":
        """The sums with one outcome more."""
        now = self.at(observation.time, half_life)
        return _add(now, observation, _weight(now.as_of - observation.time, half_life))

    def minus(self, observation: Observation, half_life: timedelta) -> "Evidence":
        """The sums without an outcome that was added before."""
        return _add(self, observation, -_weight(self.as_of - observation.time, half_life))


def gathered(
    as_of: datetime, observations: Iterable[Observation], half_life: timedelta
) -> Evidence:
    """The evidence of all these outcomes, at `as_of` or the latest of them."""
    evidence = Evidence(as_of)
    for observation in observations:
        evidence = evidence.plus(observation, half_life)
    return evidence


def _weight(age: timedelta, half_life: timedelta) -> float:
    return float(2.0 ** -(age / half_life))


def _add(evidence: Evidence, observation: Observation, weight: float) -> Evidence:
    # What is taken away was added before, rounded once more or less: no sum goes below nothing.
    value = observation.value
    return replace(
        evidence,
        count=max(0.0, evidence.count + weight),
        value=max(0.0, evidence.value + weight * value),
        square=max(0.0, evidence.square + weight * value * value),
        timely=max(0.0, evidence.timely + weight * observation.is_timely),
        unfailed=max(0.0, evidence.unfailed + weight * (not observation.is_failure)),
    )
