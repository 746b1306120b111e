"""Decisions as they are kept: their contract's bytes, and what became of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.bandit.policy import FloatArray


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision just made, to be kept.

    Attributes:
        decision_id: its id.
        principal_id: on whose behalf it was made.
        session_id: the conversation's id at the API, or None.
        arm_id: the arm chosen.
        vector: that arm's x, (dimension,).
        request_id: idempotency key, or None.
        fingerprint: of the request the key stands for, or None.
        body: the contract's bytes.
        create_time: when it was made.
    """

    decision_id: UUID
    principal_id: str
    session_id: str | None
    arm_id: str
    vector: FloatArray
    request_id: str | None
    fingerprint: bytes | None
    body: bytes
    create_time: datetime


@dataclass(frozen=True, slots=True)
class SourceReward:
    """The newest value of a source, in [-1, 1]; learned if it came inside the window."""

    source: str
    value: float
    report_time: datetime
    is_learned: bool


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision: the contract's bytes as made, where it stands and what was reported.

    `reward` is what it contributes to learning, None before anything was learned of it.
    """

    decision_id: UUID
    body: bytes
    is_expired: bool
    reward: float | None
    rewards: tuple[SourceReward, ...]


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """What people are shown of an arm; see the contract's ArmStatistics."""

    arm_id: str
    decisions: int
    learned: int
    mean_reward: float
    recent_share: float
    recent_reward: float
    last_choice_time: datetime | None
