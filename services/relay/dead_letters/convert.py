"""Dead letters between their contract and the domain."""

import json
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.events.v1 import dead_letter_pb2, dead_letter_service_pb2

from services.chassis.data.ids import from_id, to_id
from services.chassis.rpc.errors import Failure, not_found, precondition
from services.relay.dead_letters.letter import LetterFilter, Status, StoredLetter

PREFIX = "dlq"
Batch = (
    dead_letter_service_pb2.ReplayDeadLettersRequest
    | dead_letter_service_pb2.DiscardDeadLettersRequest
)

_FROM_STATUS = {
    Status.WAITING: dead_letter_pb2.DEAD_LETTER_STATUS_WAITING,
    Status.RESOLVED: dead_letter_pb2.DEAD_LETTER_STATUS_RESOLVED,
    Status.DISCARDED: dead_letter_pb2.DEAD_LETTER_STATUS_DISCARDED,
}
_TO_STATUS = {number: status for status, number in _FROM_STATUS.items()}


def from_letter(letter: StoredLetter) -> dead_letter_pb2.DeadLetter:
    """A letter as its contract says it."""
    message = dead_letter_pb2.DeadLetter(
        dead_letter_id=to_id(PREFIX, letter.dead_letter_id),
        consumer=letter.consumer,
        event_id=letter.event_id,
        type=letter.type,
        aggregate_id=letter.aggregate_id,
        principal_id=letter.principal_id,
        cursor=f"{letter.partition}-{letter.seq}",
        status=_FROM_STATUS[letter.status],
        error=letter.error,
        attempts=letter.attempts,
        interventions=letter.interventions,
        settled_by=letter.settled_by,
        settle_reason=letter.settle_reason,
        payload=letter.payload or b"",
        payload_json=_json(letter.payload or b""),
    )
    message.create_time.FromDatetime(letter.create_time)
    if letter.attempt_time:
        message.attempt_time.FromDatetime(letter.attempt_time)
    if letter.settle_time:
        message.settle_time.FromDatetime(letter.settle_time)
    else:
        message.next_attempt_time.FromDatetime(letter.next_attempt_at)
    return message


def to_listed(request: dead_letter_service_pb2.ListDeadLettersRequest) -> LetterFilter:
    """The letters a list asks for."""
    return LetterFilter(
        consumer=request.consumer or None,
        type=request.type or None,
        aggregate_id=request.aggregate_id or None,
        status=_TO_STATUS[request.status] if request.status else None,
        error=request.error or None,
        start=_moment(request.start_time) if request.HasField("start_time") else None,
        end=_moment(request.end_time) if request.HasField("end_time") else None,
    )


def to_meant(request: Batch) -> LetterFilter:
    """The letters that are to be replayed or discarded together."""
    return LetterFilter(
        ids=tuple(from_id(PREFIX, one) for one in request.dead_letter_ids),
        consumer=request.consumer or None,
        type=request.type or None,
        aggregate_id=request.aggregate_id or None,
        error=request.error or None,
        start=_moment(request.start_time) if request.HasField("start_time") else None,
        end=_moment(request.end_time) if request.HasField("end_time") else None,
    )


def letter_not_found(letter_id: str) -> Failure:
    """DEAD_LETTER_NOT_FOUND."""
    return not_found(
        "DEAD_LETTER_NOT_FOUND", f"There is no dead letter {letter_id}.", dead_letter_id=letter_id
    )


def letter_settled(letter_id: str, status: Status) -> Failure:
    """DEAD_LETTER_SETTLED: it is not what it was asked to become, and stays so."""
    return precondition(
        "DEAD_LETTER_SETTLED",
        f"Dead letter {letter_id} is {status} already.",
        dead_letter_id=letter_id,
        status=status,
    )


def _json(payload: bytes) -> str:
    """The payload if it is JSON."""
    try:
        text = payload.decode()
        json.loads(text)
    except ValueError:
        return ""
    return text


def _moment(time: Timestamp) -> datetime:
    return time.ToDatetime(tzinfo=UTC)
