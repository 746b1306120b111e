"""What is kept of an agent beside what its recommendations say, row by row."""

from dataclasses import dataclass
from uuid import UUID

from services.chassis.data.postgres import Connection
from services.learning.evidence import Evidence, Observation, gathered
from services.learning.trust import TrustPolicy


@dataclass(frozen=True, slots=True)
class Kept:
    """Sums of evidence and counts of recommendations, outcomes and good ones."""

    sums: tuple[float, ...]
    counts: tuple[int, int, int]


async def kept(sees: Connection, tenant_id: UUID, agent_id: str) -> Kept:
    """As they were added up, event by event."""
    sums = await sees.fetchrow(
        "SELECT evidence, value_sum, square_sum, timely_sum, unfailed_sum"
        " FROM learning.trust WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
    )
    counts = await sees.fetchrow(
        "SELECT sum(recommendations)::int, sum(outcomes)::int, sum(successes)::int"
        " FROM learning.tallies WHERE tenant_id = $1 AND agent_id = $2"
        " AND subject IN ('serve', 'upsell', 'answer')",
        tenant_id,
        agent_id,
    )
    assert sums is not None
    assert counts is not None
    return Kept(tuple(sums.values()), tuple(counts.values()))


async def replayed(sees: Connection, tenant_id: UUID, agent_id: str) -> Kept:
    """As one who reads the recommendations one after another would find them."""
    as_of = await sees.fetchval(
        "SELECT as_of FROM learning.trust WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
    )
    rows = await sees.fetch(
        "SELECT create_time, outcome, outcome_source, outcome_time FROM learning.recommendations"
        " WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
    )
    policy = TrustPolicy()
    seen = [
        Observation(
            row["outcome_time"],
            row["outcome"],
            is_timely=row["outcome_time"] - row["create_time"] <= policy.timely,
            is_failure=row["outcome_source"] == "session"
            or (row["outcome_source"] == "rating" and row["outcome"] <= 0.25),
        )
        for row in rows
        if row["outcome"] is not None
    ]
    evidence = gathered(as_of, seen, policy.half_life)
    good = sum(one.value > 0.5 for one in seen)
    return Kept(_sums(evidence), (len(rows), len(seen), good))


def _sums(evidence: Evidence) -> tuple[float, ...]:
    return (
        evidence.count,
        evidence.value,
        evidence.square,
        evidence.timely,
        evidence.unfailed,
    )
