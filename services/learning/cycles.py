"""One run of learning: trust settles, regularities are looked for, and what moved is said.

A cycle reads counts and sums that are kept as outcomes arrive, so its cost grows with agents and
products and not with recommendations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.learning.insights import (
    Insight,
    fresh_by_kind,
    of_offers,
    of_shares,
    of_state,
    of_trust,
)
from services.learning.patterns import Pattern, find
from services.learning.tallies import Counts, Tally, is_kind, served
from services.learning.trust import AgentTrust, TrustPolicy, has_changed, settled


@dataclass(frozen=True, slots=True)
class Known:
    """What a cycle begins with.

    Attributes:
        agents: all something is known of.
        tallies: their counts.
        served: conversations by agent up to the last cycle; empty before the first.
    """

    agents: Sequence[AgentTrust]
    tallies: Sequence[Tally]
    served: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a cycle ends with.

    Attributes:
        settled: every agent before and after.
        changed: how many of them it changed.
        counts: recommendations and outcomes since the last cycle.
        served: conversations by agent, for the next cycle to compare with.
        insights: what it has to say, by agent and kind.
        patterns: the surest first.
    """

    settled: tuple[tuple[AgentTrust, AgentTrust], ...]
    changed: int
    counts: Counts
    served: Mapping[str, int]
    insights: tuple[Insight, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class KeptInsight:
    """An insight as a cycle left it."""

    insight_id: UUID
    cycle_id: UUID
    time: datetime
    insight: Insight


@dataclass(frozen=True, slots=True)
class KeptPattern:
    """A regularity as a cycle left it."""

    pattern_id: UUID
    cycle_id: UUID
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class KeptCycle:
    """A cycle that was run.

    Attributes:
        cycle_id: names it.
        time: when it ran.
        recommendations: made since the one before.
        outcomes: that came since then.
        agents: whose trust it changed.
        insights: what it had to say.
        patterns: the surest first.
    """

    cycle_id: UUID
    time: datetime
    recommendations: int
    outcomes: int
    agents: int
    insights: tuple[KeptInsight, ...]
    patterns: tuple[KeptPattern, ...]


def run(known: Known, policy: TrustPolicy, now: datetime) -> Findings:
    """The cycle at `now`."""
    moved = tuple((agent, settled(agent, policy, now)) for agent in known.agents)
    conversations = served(known.tallies)
    fresh = [tally.fresh for tally in known.tallies if is_kind(tally.subject)]
    return Findings(
        settled=moved,
        changed=sum(has_changed(before, after) for before, after in moved),
        counts=sum(fresh, Counts()),
        # Without a conversation there is nothing to compare with: the last ones stand.
        served=conversations or known.served,
        insights=tuple(_insights(known, moved, conversations, policy)),
        patterns=tuple(find(known.tallies)),
    )


def kept(findings: Findings, now: datetime, new_id: Callable[[], UUID]) -> KeptCycle:
    """The cycle as it is kept, with ids by which insights sort as they were said, last first."""
    cycle_id = new_id()
    ids = sorted((new_id() for _ in findings.insights), reverse=True)
    return KeptCycle(
        cycle_id=cycle_id,
        time=now,
        recommendations=findings.counts.recommendations,
        outcomes=findings.counts.outcomes,
        agents=findings.changed,
        insights=tuple(
            KeptInsight(insight_id, cycle_id, now, insight)
            for insight_id, insight in zip(ids, findings.insights, strict=True)
        ),
        patterns=tuple(KeptPattern(new_id(), cycle_id, pattern) for pattern in findings.patterns),
    )


def _insights(
    known: Known,
    moved: Sequence[tuple[AgentTrust, AgentTrust]],
    conversations: Mapping[str, int],
    policy: TrustPolicy,
) -> list[Insight]:
    found: list[Insight] = []
    for before, after in moved:
        found += of_state(before, after, policy)
        found += of_trust(before, after, fresh_by_kind(known.tallies, after.agent_id))
    return [*found, *of_shares(known.served, conversations), *of_offers(known.tallies)]
