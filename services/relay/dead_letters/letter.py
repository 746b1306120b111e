"""Dead letters as operators see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Status(StrEnum):
    """What has become of a letter."""

    WAITING = "waiting"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter of a tenant; `payload` is None where it was not asked for.

    `number` is its place in the order in which letters were set aside.
    """

    number: int
    dead_letter_id: UUID
    consumer: str
    partition: int
    seq: int
    event_id: str
    type: str
    aggregate_id: str
    principal_id: str
    error: str
    attempts: int
    interventions: int
    create_time: datetime
    attempt_time: datetime | None
    next_attempt_at: datetime
    status: Status
    settle_time: datetime | None
    settled_by: str
    settle_reason: str
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; None and no ids for any.

    Attributes:
        ids: one of these.
        error: a text in the error, in any case.
        start: set aside at this time or later.
        end: set aside before this time.
    """

    ids: tuple[UUID, ...] = ()
    consumer: str | None = None
    type: str | None = None
    aggregate_id: str | None = None
    status: Status | None = None
    error: str | None = None
    start: datetime | None = None
    end: datetime | None = None
