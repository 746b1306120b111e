"""Rows of learning as values."""

import json
from typing import Any, Protocol

from services.learning.cycles import KeptInsight, KeptPattern
from services.learning.evidence import Evidence
from services.learning.insights import Insight
from services.learning.patterns import Pattern, PatternKind
from services.learning.recommendations import Kind, Outcome, Recommendation, Source
from services.learning.tallies import Counts, Tally
from services.learning.trust import AgentTrust, Change, State


class Row(Protocol):
    """A row of a result: columns by name."""

    def __getitem__(self, key: str) -> Any: ...


def to_trust(row: Row) -> AgentTrust:
    """The trust in an agent."""
    return AgentTrust(
        agent_id=row["agent_id"],
        evidence=Evidence(
            as_of=row["as_of"],
            count=row["evidence"],
            value=row["value_sum"],
            square=row["square_sum"],
            timely=row["timely_sum"],
            unfailed=row["unfailed_sum"],
        ),
        boost=row["boost"],
        verdict=State(row["verdict"]),
        override=State(row["manual_state"]) if row["manual_state"] else None,
        told=row["told"],
        settled=row["settled"],
        update_time=row["update_time"],
    )


def to_change(row: Row) -> Change:
    """A change of trust."""
    return Change(
        overall=row["overall"],
        boost=row["boost"],
        state=State(row["state"]),
        cause=row["cause"],
        time=row["create_time"],
    )


def to_recommendation(row: Row) -> Recommendation:
    """A recommendation with the outcome that counts."""
    return Recommendation(
        recommendation_id=row["recommendation_id"],
        agent_id=row["agent_id"],
        kind=Kind(row["kind"]),
        product_ids=tuple(row["product_ids"]),
        confidence=row["confidence"],
        session_id=row["session_id"],
        decision_id=row["decision_id"],
        create_time=row["create_time"],
        outcome=None
        if row["outcome"] is None
        else Outcome(row["outcome"], Source(row["outcome_source"]), row["outcome_time"]),
    )


def to_tally(row: Row) -> Tally:
    """Counts of an agent's subject."""
    return Tally(
        agent_id=row["agent_id"],
        subject=row["subject"],
        is_confident=row["is_confident"],
        total=Counts(row["recommendations"], row["outcomes"], row["successes"]),
        fresh=Counts(row["new_recommendations"], row["new_outcomes"], row["new_successes"]),
    )


def to_insight(row: Row) -> KeptInsight:
    """An insight of a cycle."""
    figures = json.loads(row["figures"])
    insight = Insight(row["kind"], row["text"], row["agent_id"], figures)
    return KeptInsight(row["insight_id"], row["cycle_id"], row["create_time"], insight)


def to_pattern(row: Row) -> KeptPattern:
    """A regularity of a cycle."""
    pattern = Pattern(
        kind=PatternKind(row["kind"]),
        subject=row["subject"],
        agent_ids=tuple(row["agent_ids"]),
        outcomes=row["outcomes"],
        successes=row["successes"],
        low=row["low"],
    )
    return KeptPattern(row["pattern_id"], row["cycle_id"], pattern)
