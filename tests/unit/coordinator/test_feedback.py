"""What a rating is worth, what a conversation's ratings come to, and how they are told."""

import json
from datetime import UTC, datetime
from uuid import UUID

import protovalidate
import pytest
from google.protobuf import json_format
from maitred.events.v1 import feedback_event_pb2, session_event_pb2

from services.chassis.data.outbox import OutboxEvent
from services.coordinator.feedback.credit import (
    Conversation,
    Credited,
    Rating,
    Tally,
    reward_of,
)
from services.coordinator.feedback.events import conversation_abandoned, feedback_given

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENT_ID = UUID(int=7)
TALK = Conversation(UUID(int=1), "gst_1", UUID(int=2))
SERVED = Credited(f"dec_{3:032x}", "host")
NOBODY = Credited("", "")


@pytest.mark.parametrize(("stars", "reward"), [(1, -1), (2, -0.5), (3, 0), (4, 0.5), (5, 1)])
def test_stars_are_worth_minus_one_to_one(stars: int, reward: float) -> None:
    assert reward_of(stars) == reward


def test_a_tally_tells_means() -> None:
    tally = Tally({1: 1, 5: 3}, NOW)
    assert (tally.count, tally.mean_rating, tally.mean_reward) == (4, 4.0, 0.5)


def test_an_empty_tally_is_all_zeros() -> None:
    tally = Tally({}, None)
    assert (tally.count, tally.mean_rating, tally.mean_reward) == (0, 0.0, 0.0)


@pytest.mark.parametrize("credited", [SERVED, NOBODY])
@pytest.mark.parametrize("stars", [1, 3, 5])
def test_a_rating_is_told_as_its_contract_says(stars: int, credited: Credited) -> None:
    rating = Rating(UUID(int=9), TALK, credited, stars, NOW)
    message = feedback_event_pb2.FeedbackV1()
    json_format.ParseDict(data_of(feedback_given(rating, EVENT_ID)), message)
    protovalidate.validate(message)
    assert (message.rating, message.reward) == (stars, reward_of(stars))
    assert (message.decision_id, message.agent_id) == (credited.decision_id, credited.agent_id)


@pytest.mark.parametrize("credited", [SERVED, NOBODY])
def test_a_conversation_left_is_told_as_its_contract_says(credited: Credited) -> None:
    message = session_event_pb2.SessionV1()
    event = conversation_abandoned(TALK, credited, EVENT_ID, NOW)
    json_format.ParseDict(data_of(event), message)
    protovalidate.validate(message)
    assert (message.status, message.decision_id) == ("abandoned", credited.decision_id)


def test_both_are_about_the_conversation_so_they_stay_in_order() -> None:
    rated = feedback_given(Rating(UUID(int=9), TALK, SERVED, 5, NOW), EVENT_ID)
    left = conversation_abandoned(TALK, SERVED, EVENT_ID, NOW)
    assert rated.aggregate_id == left.aggregate_id == f"ses_{2:032x}"


def data_of(event: OutboxEvent) -> dict[str, object]:
    told = json.loads(event.payload)
    assert told["type"] == event.type
    data: dict[str, object] = told["data"]
    return data
