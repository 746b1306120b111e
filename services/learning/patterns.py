"""Regularities in what was recommended and what came of it, on real counts.

None is told on fewer than ten outcomes a side, and none unless the 90 % interval bears it out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.learning.intervals import wilson
from services.learning.tallies import Counts, Tally

MINIMUM_OUTCOMES = 10


class PatternKind(StrEnum):
    """What kind of regularity."""

    CONSENSUS = "consensus"
    EXPERT = "expert"
    HIGH_CONFIDENCE = "high_confidence"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regularity.

    Attributes:
        kind: what kind.
        subject: what it is about, such as `upsell:croissant`.
        agent_ids: the agents it is about.
        outcomes: how many it rests on.
        successes: of these, the good ones.
        low: lower end of the 90 % interval of the share of good ones.
    """

    kind: PatternKind
    subject: str
    agent_ids: tuple[str, ...]
    outcomes: int
    successes: int
    low: float


def find(tallies: Iterable[Tally]) -> list[Pattern]:
    """All regularities, the surest first.

    *Consensus*: at least two agents recommend the same, each with more good outcomes than not, and
    the share of good ones of all of them is above one half. *Expert*: an agent's share is above
    that of all others together, interval above interval. *High confidence*: of what was recommended
    with confidence, the share of good ones is above one half.
    """
    everything: dict[str, dict[str, Counts]] = {}
    confident: dict[str, dict[str, Counts]] = {}
    for tally in tallies:
        _add(everything, tally)
        if tally.is_confident:
            _add(confident, tally)
    found = [pattern for subject, agents in everything.items() for pattern in _of(subject, agents)]
    found += [
        pattern
        for subject, agents in confident.items()
        if (pattern := _good(PatternKind.HIGH_CONFIDENCE, subject, agents))
    ]
    return sorted(found, key=lambda one: (-one.low, one.kind, one.subject, one.agent_ids))


def _add(grouped: dict[str, dict[str, Counts]], tally: Tally) -> None:
    agents = grouped.setdefault(tally.subject, {})
    agents[tally.agent_id] = agents.get(tally.agent_id, Counts()) + tally.total


def _of(subject: str, agents: Mapping[str, Counts]) -> Iterator[Pattern]:
    agreeing = {
        agent: counts
        for agent, counts in agents.items()
        if counts.outcomes >= MINIMUM_OUTCOMES and 2 * counts.successes > counts.outcomes
    }
    if len(agreeing) >= 2 and (pattern := _good(PatternKind.CONSENSUS, subject, agreeing)):
        yield pattern
    for agent, counts in agents.items():
        others = _sum(one for name, one in agents.items() if name != agent)
        if min(counts.outcomes, others.outcomes) < MINIMUM_OUTCOMES:
            continue
        low, _ = wilson(counts.successes, counts.outcomes)
        if low > wilson(others.successes, others.outcomes)[1]:
            yield Pattern(
                PatternKind.EXPERT, subject, (agent,), counts.outcomes, counts.successes, low
            )


def _good(kind: PatternKind, subject: str, agents: Mapping[str, Counts]) -> Pattern | None:
    """The pattern if what all of these did together turns out well."""
    counts = _sum(agents.values())
    low, _ = wilson(counts.successes, counts.outcomes)
    if counts.outcomes < MINIMUM_OUTCOMES or low <= 0.5:
        return None
    names = tuple(sorted(name for name, of in agents.items() if of.outcomes))
    return Pattern(kind, subject, names, counts.outcomes, counts.successes, low)


def _sum(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())
