"""A delivery as a value: one event on its way to one endpoint, and its attempts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

# Of an answer's body, as kept.
MOST_RESPONSE_BYTES = 1024


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    REDIRECTED = "redirected"
    GONE = "gone"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt.

    Attributes:
        outcome: how it ended.
        duration: from its start to its end.
        status_code: HTTP status; 0 if nothing was answered.
        retry_after: the header of that name; empty for none.
        body: how the answer began.
        error: what went wrong, for people; empty if nothing did.
    """

    outcome: Outcome
    duration: timedelta
    status_code: int = 0
    retry_after: str = ""
    body: bytes = b""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as kept."""

    number: int
    start_time: datetime
    status_code: int
    duration_ms: int
    error: str
    response_body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        event_id: the event's, and header `webhook-id`.
        attempts: made ever.
        tries: made since the schedule began, which a retry by hand begins anew.
        next_attempt_time: when the next is due; None if none is.
        lease_time: until when the attempt being made is believed to go on; None if none is made.
        is_parked: whether it is due and waits for a place at its endpoint, with no job of its own.
        expire_time: when it is deleted.
        payload: what is sent; empty where it was not asked for.
    """

    delivery_id: UUID
    webhook_id: UUID
    event_id: str
    event_type: str
    status: DeliveryStatus
    create_time: datetime
    expire_time: datetime
    attempts: int = 0
    tries: int = 0
    last_status_code: int = 0
    next_attempt_time: datetime | None = None
    lease_time: datetime | None = None
    finish_time: datetime | None = None
    is_parked: bool = False
    payload: bytes = b""


def outcome_of(status_code: int) -> Outcome:
    """What an HTTP status means: only 2xx is success, and no redirect is followed."""
    if 200 <= status_code < 300:
        return Outcome.DELIVERED
    if 300 <= status_code < 400:
        return Outcome.REDIRECTED
    return Outcome.GONE if status_code == 410 else Outcome.REJECTED


def text_of(body: bytes) -> str:
    """An answer's body as kept: what cannot be is replaced."""
    return (
        body[:MOST_RESPONSE_BYTES]
        .decode(errors="replace")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
