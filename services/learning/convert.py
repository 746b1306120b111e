"""Learning between its contract and the domain."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.learning.v1 import cycle_pb2, recommendation_pb2, trust_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, aborted, not_found, precondition
from services.learning.cycles import KeptCycle, KeptInsight, KeptPattern
from services.learning.patterns import PatternKind
from services.learning.recommendations import Recommendation
from services.learning.trust import AgentTrust, Change, State, TrustPolicy, scores

_STATES = {
    State.ACTIVE: trust_pb2.TRUST_STATE_ACTIVE,
    State.DISABLED: trust_pb2.TRUST_STATE_DISABLED,
}
_KINDS = {
    PatternKind.CONSENSUS: cycle_pb2.PATTERN_KIND_CONSENSUS,
    PatternKind.EXPERT: cycle_pb2.PATTERN_KIND_EXPERT,
    PatternKind.HIGH_CONFIDENCE: cycle_pb2.PATTERN_KIND_HIGH_CONFIDENCE,
}


def from_trust(
    trust: AgentTrust, policy: TrustPolicy, changes: Sequence[Change] = ()
) -> trust_pb2.Trust:
    """The trust in an agent something is known of."""
    message = prior(trust, policy)
    message.update_time.CopyFrom(_timestamp(trust.update_time))
    message.changes.extend(_change(change) for change in changes)
    return message


def prior(trust: AgentTrust, policy: TrustPolicy) -> trust_pb2.Trust:
    """The trust in an agent nothing is known of: it never changed."""
    found = scores(trust.evidence)
    return trust_pb2.Trust(
        agent_id=trust.agent_id,
        accuracy=found.accuracy,
        consistency=found.consistency,
        timeliness=found.timeliness,
        reliability=found.reliability,
        overall=found.overall,
        low=found.low,
        high=found.high,
        evidence=trust.evidence.count,
        boost=trust.boost,
        state=_STATES[trust.state],
        probe_share=policy.probe_share,
        overridden=trust.override is not None,
    )


def to_state(state: trust_pb2.TrustState.ValueType) -> State | None:
    """A state by its number; None for UNSPECIFIED."""
    return next((known for known, number in _STATES.items() if number == state), None)


def to_kind(kind: cycle_pb2.PatternKind.ValueType) -> PatternKind | None:
    """A kind by its number; None for UNSPECIFIED."""
    return next((known for known, number in _KINDS.items() if number == kind), None)


def from_recommendation(
    recommendation: Recommendation,
) -> recommendation_pb2.Recommendation:
    """A recommendation with what came of it."""
    message = recommendation_pb2.Recommendation(
        recommendation_id=to_id("rec", recommendation.recommendation_id),
        agent_id=recommendation.agent_id,
        kind=recommendation.kind,
        product_ids=recommendation.product_ids,
        confidence=recommendation.confidence,
        session_id=recommendation.session_id,
        decision_id=recommendation.decision_id,
        create_time=_timestamp(recommendation.create_time),
    )
    if recommendation.outcome:
        message.outcome = recommendation.outcome.value
        message.outcome_source = recommendation.outcome.source
    return message


def from_cycle(cycle: KeptCycle) -> cycle_pb2.Cycle:
    """A cycle with all it found."""
    return cycle_pb2.Cycle(
        cycle_id=to_id("cyc", cycle.cycle_id),
        create_time=_timestamp(cycle.time),
        recommendations=cycle.recommendations,
        outcomes=cycle.outcomes,
        agents=cycle.agents,
        insights=[from_insight(insight) for insight in cycle.insights],
        patterns=[from_pattern(pattern) for pattern in cycle.patterns],
    )


def from_insight(kept: KeptInsight) -> cycle_pb2.Insight:
    """One sentence with its figures."""
    return cycle_pb2.Insight(
        insight_id=to_id("ins", kept.insight_id),
        cycle_id=to_id("cyc", kept.cycle_id),
        kind=kept.insight.kind,
        text=kept.insight.text,
        agent_id=kept.insight.agent_id,
        figures=kept.insight.figures,
        create_time=_timestamp(kept.time),
    )


def from_pattern(kept: KeptPattern) -> cycle_pb2.Pattern:
    """One regularity."""
    return cycle_pb2.Pattern(
        pattern_id=to_id("pat", kept.pattern_id),
        kind=_KINDS[kept.pattern.kind],
        subject=kept.pattern.subject,
        agent_ids=kept.pattern.agent_ids,
        outcomes=kept.pattern.outcomes,
        successes=kept.pattern.successes,
        low=kept.pattern.low,
        cycle_id=to_id("cyc", kept.cycle_id),
    )


def trust_not_found(agent_id: str) -> Failure:
    """TRUST_NOT_FOUND: nothing was ever recorded of the agent."""
    return not_found("TRUST_NOT_FOUND", f"Nothing is known of {agent_id}.", agent_id=agent_id)


def cycle_not_found(cycle_id: str) -> Failure:
    """CYCLE_NOT_FOUND."""
    return not_found("CYCLE_NOT_FOUND", f"There is no cycle {cycle_id}.", cycle_id=cycle_id)


def cycle_running() -> Failure:
    """CYCLE_RUNNING: one at a time."""
    return aborted("CYCLE_RUNNING", "Another cycle is running; try again.", retry_after=1.0)


def learning_disabled(switch: str) -> Failure:
    """LEARNING_DISABLED: the installation switched it off."""
    return precondition(
        "LEARNING_DISABLED", f"Learning is switched off by {switch}.", switch=switch
    )


def _change(change: Change) -> trust_pb2.TrustChange:
    return trust_pb2.TrustChange(
        create_time=_timestamp(change.time),
        overall=change.overall,
        boost=change.boost,
        state=_STATES[change.state],
        cause=change.cause,
    )


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
