"""What a rating is worth, and to whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_MIDDLE = 3
_REACH = 2


def reward_of(stars: int) -> float:
    """What 1 to 5 stars are worth, in [-1, 1]."""
    return (stars - _MIDDLE) / _REACH


@dataclass(frozen=True, slots=True)
class Credited:
    """Who served a segment of a conversation, by which decision; empty where there was none."""

    decision_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Whose conversation it is."""

    tenant_id: UUID
    principal_id: str
    session_id: UUID


@dataclass(frozen=True, slots=True)
class Rating:
    """A guest's rating of a segment; a later one of the same segment counts instead."""

    feedback_id: UUID
    conversation: Conversation
    credited: Credited
    stars: int
    create_time: datetime

    @property
    def reward(self) -> float:
        """What it is worth, in [-1, 1]."""
        return reward_of(self.stars)


@dataclass(frozen=True, slots=True)
class Tally:
    """The ratings of a conversation that count: how many of each number of stars."""

    counts: Mapping[int, int]
    last_at: datetime | None

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.counts.values())

    @property
    def mean_rating(self) -> float:
        """Their mean, 1 to 5; 0 while there are none."""
        return self._mean(float)

    @property
    def mean_reward(self) -> float:
        """Their mean worth, in [-1, 1]; 0 while there are none."""
        return self._mean(reward_of)

    def _mean(self, worth: Callable[[int], float]) -> float:
        total = sum(worth(stars) * many for stars, many in self.counts.items())
        return total / self.count if self.count else 0.0


class DecisionNotFound(LookupError):
    """The decision is not one of the conversation's."""
