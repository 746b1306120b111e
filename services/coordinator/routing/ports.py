"""What routing needs of the bandit and of learning, in the coordinator's own terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Unavailable(RuntimeError):
    """Whoever was asked did not answer in time, or refused."""


class KeyTaken(Unavailable):
    """A decision of this key was made in other circumstances."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A profile to choose; `trust` in [-1, 1] is its feature."""

    arm_id: str
    trust: float


@dataclass(frozen=True, slots=True)
class Question:
    """Which arm? `excluded` ones must not be chosen; the same `request_id` gets the same choice."""

    request_id: str
    session_id: str
    context: Mapping[str, float]
    arms: Sequence[Arm]
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision: its id (`dec_…`), the arm, and the probability that had of being chosen."""

    decision_id: str
    arm_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an agent is trusted.

    Attributes:
        overall: the trust, in [0, 1].
        disabled: whether it may be chosen by a probe only.
        probe_share: how often a disabled agent is let in nevertheless, in [0, 1].
    """

    overall: float
    disabled: bool = False
    probe_share: float = 0.0


class Bandit(Protocol):
    """Chooses among arms, on behalf of whoever is being served."""

    async def rank(self, question: Question) -> Choice:
        """The choice, durable. Raises Unavailable, KeyTaken."""
        ...


class TrustReader(Protocol):
    """Tells whom to trust, on behalf of whoever is being served."""

    async def trust_in(self, agent_ids: Sequence[str]) -> Mapping[str, Standing]:
        """The standing of each agent. Raises Unavailable."""
        ...
