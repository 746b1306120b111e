"""How far an agent is worth trusting: a posterior over its outcomes, and what follows of it.

Each share (how often outcomes were good, in time, no failure) has a Beta posterior under the prior
Beta(2, 2); outcomes between 0 and 1 count in part. `overall` weighs the posterior means. What
follows of it, the boost and whether the agent is disabled, changes at cycles only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt

from services.learning.evidence import Evidence, Observation
from services.learning.intervals import logit_normal

PRIOR = 2.0
# How much each part weighs in `overall`; steadiness and speed are no merit of bad work.
ACCURACY, RELIABILITY, CONSISTENCY, TIMELINESS = 0.7, 0.2, 0.05, 0.05
LARGEST_BOOST = 0.5
LARGEST_STEP = 0.1
# A change of `overall` smaller than this is not told one by one.
NOTICEABLE = 0.01


class State(StrEnum):
    """Whether an agent may be chosen."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The rules of an installation.

    Attributes:
        half_life: after which an outcome counts half.
        timely: how long after a recommendation its outcome is in time.
        minimum_evidence: faded outcomes below which there is no boost and nobody is disabled.
        disabled_below: `overall` below which an agent with evidence is disabled.
        probe_share: share of choices a disabled agent is let into nevertheless.
    """

    half_life: timedelta = timedelta(days=7)
    timely: timedelta = timedelta(minutes=30)
    minimum_evidence: float = 5.0
    disabled_below: float = 0.3
    probe_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Scores:
    """What the evidence says of an agent, each in [0, 1]; `low` and `high` hold 90 %."""

    accuracy: float
    consistency: float
    timeliness: float
    reliability: float
    overall: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AgentTrust:
    """What is known of an agent.

    Attributes:
        agent_id: the agent.
        evidence: its outcomes.
        boost: what trust adds to its standing, in [-0.5, 0.5].
        verdict: what trust says of its state.
        override: the state a manager set by hand.
        told: `overall` at its last recorded change.
        settled: `overall` at the last cycle.
        update_time: when anything of it last changed.
    """

    agent_id: str
    evidence: Evidence
    boost: float
    verdict: State
    override: State | None
    told: float
    settled: float
    update_time: datetime

    @property
    def state(self) -> State:
        """Whether it may be chosen: a manager's word wins either way."""
        return self.override or self.verdict


@dataclass(frozen=True, slots=True)
class Change:
    """A change of trust as it is kept for good.

    Attributes:
        overall: the trust after it.
        boost: the boost after it.
        state: the state after it.
        cause: what caused it.
        time: when.
    """

    overall: float
    boost: float
    state: State
    cause: str
    time: datetime


def unknown(agent_id: str, now: datetime) -> AgentTrust:
    """An agent of which nothing is known: the prior."""
    nothing = Evidence(now)
    prior = scores(nothing).overall
    return AgentTrust(
        agent_id=agent_id,
        evidence=nothing,
        boost=0.0,
        verdict=State.ACTIVE,
        override=None,
        told=prior,
        settled=prior,
        update_time=now,
    )


def scores(evidence: Evidence) -> Scores:
    """The posterior's means and interval."""
    accuracy = _mean(evidence.value, evidence.count)
    timeliness = _mean(evidence.timely, evidence.count)
    reliability = _mean(evidence.unfailed, evidence.count)
    consistency = _consistency(evidence)
    parts = (
        (ACCURACY, accuracy),
        (RELIABILITY, reliability),
        (CONSISTENCY, consistency),
        (TIMELINESS, timeliness),
    )
    overall = sum(weight * part for weight, part in parts)
    # The parts rest on the same outcomes: as if they were wrong together, the widest they can be.
    deviation = sum(weight * _deviation(part, evidence.count) for weight, part in parts)
    low, high = logit_normal(overall, deviation)
    return Scores(accuracy, consistency, timeliness, reliability, overall, low, high)


def learned(
    trust: AgentTrust,
    given: Sequence[Observation],
    taken: Sequence[Observation],
    policy: TrustPolicy,
    now: datetime,
) -> AgentTrust:
    """The trust after some outcomes came in place of others.

    Args:
        trust: before.
        given: outcomes that count from now on.
        taken: outcomes that were counted and no longer do.
        policy: the rules.
        now: when.
    """
    evidence = trust.evidence
    for observation in taken:
        evidence = evidence.minus(observation, policy.half_life)
    for observation in given:
        evidence = evidence.plus(observation, policy.half_life)
    return replace(trust, evidence=evidence, update_time=now)


def settled(trust: AgentTrust, policy: TrustPolicy, now: datetime) -> AgentTrust:
    """The trust after a cycle: faded to now, with the boost and the verdict that follow."""
    evidence = trust.evidence.at(now, policy.half_life)
    overall = scores(evidence).overall
    is_enough = evidence.count >= policy.minimum_evidence
    return replace(
        trust,
        evidence=evidence,
        boost=_boost(trust.boost, overall) if is_enough else 0.0,
        verdict=State.DISABLED if is_enough and overall < policy.disabled_below else State.ACTIVE,
        settled=overall,
        update_time=now,
    )


def faded(trust: AgentTrust, policy: TrustPolicy, now: datetime) -> AgentTrust:
    """The trust with its evidence faded to now; boost and verdict wait for the cycle."""
    return replace(trust, evidence=trust.evidence.at(now, policy.half_life), update_time=now)


def has_changed(before: AgentTrust, after: AgentTrust) -> bool:
    """Whether `after` is to be recorded and told: a boost, a state, or noticeably the trust."""
    moved = abs(scores(after.evidence).overall - after.told) >= NOTICEABLE
    return moved or before.boost != after.boost or before.state is not after.state


def _mean(successes: float, count: float) -> float:
    """Of the Beta posterior; rounding may leave a sum a little above the count."""
    return (PRIOR + min(successes, count)) / (2 * PRIOR + count)


def _deviation(mean: float, count: float) -> float:
    """Of a Beta posterior with that mean."""
    return sqrt(mean * (1 - mean) / (2 * PRIOR + count + 1))


def _consistency(evidence: Evidence) -> float:
    """One minus twice the deviation, at most ½, of the outcomes; drawn to ½ as other parts are."""
    if evidence.count <= 0:
        return 0.5
    mean = evidence.value / evidence.count
    variance = max(0.0, evidence.square / evidence.count - mean * mean)
    steadiness = max(0.0, 1 - 2 * sqrt(variance))
    return (PRIOR + evidence.count * steadiness) / (2 * PRIOR + evidence.count)


def _boost(before: float, overall: float) -> float:
    wanted = overall - 0.5
    step = max(-LARGEST_STEP, min(LARGEST_STEP, wanted - before))
    return max(-LARGEST_BOOST, min(LARGEST_BOOST, before + step))
