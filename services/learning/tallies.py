"""How often what was recommended, and how often it turned out well: counts by agent and subject.

Subjects are the kinds, such as `upsell`, and single products offered, such as `upsell:croissant`.
A recommendation is counted on the day it was made, and so is what comes of it later: a count never
goes below nothing, and days long past can be forgotten.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from services.learning.recommendations import Kind, Recommendation

# How far back regularities are looked for.
WINDOW = timedelta(days=30)
CONFIDENT = 0.8


@dataclass(frozen=True, slots=True)
class Counts:
    """Recommendations made, those with an outcome, and those with a good one."""

    recommendations: int = 0
    outcomes: int = 0
    successes: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.recommendations + other.recommendations,
            self.outcomes + other.outcomes,
            self.successes + other.successes,
        )

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            self.recommendations - other.recommendations,
            self.outcomes - other.outcomes,
            self.successes - other.successes,
        )


@dataclass(frozen=True, slots=True)
class TallyKey:
    """What is counted together: a day (UTC), an agent, a subject, and whether it was confident."""

    day: date
    agent_id: str
    subject: str
    is_confident: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of an agent's subject.

    Attributes:
        agent_id: the agent.
        subject: a kind, or a kind and a product.
        is_confident: whether these were recommended with high confidence.
        total: over the window.
        fresh: of these, what came since the last cycle.
    """

    agent_id: str
    subject: str
    is_confident: bool
    total: Counts
    fresh: Counts


def subjects(recommendation: Recommendation) -> tuple[str, ...]:
    """What a recommendation is about, its kind first."""
    kind = recommendation.kind
    if kind is not Kind.UPSELL:
        return (kind.value,)
    return (
        kind.value,
        *(f"{kind}:{product}" for product in sorted(set(recommendation.product_ids))),
    )


def is_kind(subject: str) -> bool:
    """Whether a subject is a kind, in which each recommendation is counted once."""
    return subject in set(Kind)


def changes(
    replaced: Iterable[tuple[Recommendation | None, Recommendation]],
) -> dict[TallyKey, Counts]:
    """How counts change when recommendations are made (None before) or turn out differently."""
    found: dict[TallyKey, Counts] = {}
    for before, after in replaced:
        difference = _counts(after) - (_counts(before) if before else Counts())
        day = after.create_time.astimezone(UTC).date()
        for subject in subjects(after):
            key = TallyKey(day, after.agent_id, subject, after.confidence >= CONFIDENT)
            found[key] = found.get(key, Counts()) + difference
    return found


def by_agent(tallies: Iterable[Tally], kind: Kind) -> dict[str, Counts]:
    """What came since the last cycle of one kind, by agent."""
    found: dict[str, Counts] = {}
    for tally in tallies:
        if tally.subject == kind:
            found[tally.agent_id] = found.get(tally.agent_id, Counts()) + tally.fresh
    return found


def served(tallies: Iterable[Tally]) -> dict[str, int]:
    """Conversations each agent took since the last cycle; those that took none are left out."""
    counts = Counter(
        {agent: of.recommendations for agent, of in by_agent(tallies, Kind.SERVE).items()}
    )
    return dict(sorted((+counts).items()))


def _counts(recommendation: Recommendation) -> Counts:
    outcome = recommendation.outcome
    return Counts(1, int(outcome is not None), int(outcome is not None and outcome.is_good))
