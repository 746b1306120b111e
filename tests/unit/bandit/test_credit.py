"""What an event says a decision was worth."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.bandit.consumer import credit_of
from services.bandit.credit import contribution
from services.chassis.data.streams import Cursor, StreamEvent

DECISION = "dec_" + "0" * 32
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(event_type: str, **data: object) -> StreamEvent:
    payload = json.dumps({"time": "2026-11-21T12:00:00Z", "data": data}).encode()
    return StreamEvent(Cursor(0, 1), UUID(int=1), "gst_1", event_type, payload)


@pytest.mark.parametrize(
    ("event_type", "data", "source", "value"),
    [
        ("maitred.feedback.v1", {"rating": 4, "reward": 0.5}, "rating", 0.5),
        ("maitred.feedback.v1", {"rating": 3}, "rating", 0.0),
        ("maitred.order.v1", {"status": "placed"}, "order", 0.25),
        ("maitred.session.v1", {"status": "abandoned"}, "session", -0.25),
    ],
)
def test_an_event_is_worth_something_to_the_decision_it_names(
    event_type: str, data: dict[str, object], source: str, value: float
) -> None:
    credit = credit_of(event(event_type, decision_id=DECISION, **data))
    assert credit is not None
    assert (credit.decision, credit.source, credit.value) == (DECISION, source, value)
    assert credit.time == NOON


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("maitred.order.v1", {"status": "completed", "decision_id": DECISION}),
        ("maitred.order.v1", {"status": "cancelled", "decision_id": DECISION}),
        ("maitred.order.v1", {"status": "placed"}),
        ("maitred.feedback.v1", {"reward": 1.0, "decision_id": ""}),
    ],
)
def test_other_events_are_worth_nothing(event_type: str, data: dict[str, object]) -> None:
    assert credit_of(event(event_type, **data)) is None


def test_what_sources_say_is_added_and_clipped() -> None:
    assert contribution([0.5, 0.25]) == 0.75
    assert contribution([1.0, 0.25]) == 1.0
    assert contribution([-1.0, -0.25]) == -1.0
    assert contribution([]) == 0.0
