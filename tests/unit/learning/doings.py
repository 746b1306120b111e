"""Recommendations and outcomes to learn from."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.learning.evidence import Evidence, Observation, gathered
from services.learning.recommendations import Kind, Outcome, Recommendation, Source
from services.learning.tallies import Counts, Tally
from services.learning.trust import AgentTrust, TrustPolicy, unknown

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICY = TrustPolicy()


def after(**span: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(**span)


def recommendation(
    kind: Kind = Kind.SERVE,
    *products: str,
    agent: str = "seller",
    confidence: float = 0.5,
    outcome: Outcome | None = None,
) -> Recommendation:
    return Recommendation(
        recommendation_id=UUID(int=1),
        agent_id=agent,
        kind=kind,
        product_ids=products,
        confidence=confidence,
        session_id="ses_1",
        decision_id="dec_1",
        create_time=NOON,
        outcome=outcome,
    )


def told(value: float, source: Source = Source.RATING, minutes: float = 1) -> Outcome:
    return Outcome(value, source, after(minutes=minutes))


def saw(value: float, minutes: float = 0, *, timely: bool = True) -> Observation:
    return Observation(after(minutes=minutes), value, timely, value <= 0.25)


def evidence(*values: float) -> Evidence:
    """Of outcomes at noon."""
    return gathered(NOON, (saw(value) for value in values), POLICY.half_life)


def agent(agent_id: str = "seller", *values: float) -> AgentTrust:
    """An agent with these outcomes at noon."""
    known = unknown(agent_id, NOON)
    return AgentTrust(
        agent_id=agent_id,
        evidence=evidence(*values),
        boost=0.0,
        verdict=known.verdict,
        override=None,
        told=known.told,
        settled=known.settled,
        update_time=NOON,
    )


def tally(
    agent_id: str,
    subject: str,
    outcomes: int,
    successes: int,
    *,
    confident: bool = False,
    made: int | None = None,
) -> Tally:
    """Counts, all of them new."""
    counts = Counts(outcomes if made is None else made, outcomes, successes)
    return Tally(agent_id, subject, confident, counts, counts)
