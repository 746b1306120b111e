"""Facts are read of events letter by letter, and changes of trust are told as TrustV1."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import protovalidate
import pytest
from google.protobuf import json_format
from maitred.events.v1 import trust_event_pb2

from services.chassis.data.ids import IdFactory
from services.learning.events import read, recorded
from services.learning.facts import Left, Ordered, Rated, Subject
from services.learning.recommendations import Kind, Recommendation
from services.learning.trust import State, scores
from tests.unit.learning.doings import NOON, agent

TENANT = UUID(int=7)
IDS = IdFactory(lambda: NOON)
WHO = {"tenant_id": str(TENANT), "principal_id": "gst_1"}
SESSION = "ses_" + "1" * 32
DECISION = "dec_" + "2" * 32


def event(**data: object) -> bytes:
    envelope = {"specversion": "1.0", "time": "2026-03-02T12:00:00Z", "data": WHO | data}
    return json.dumps(envelope).encode()


def test_a_recommendation_is_read() -> None:
    payload = event(
        recommendation_id="rec_" + "3" * 32,
        session_id=SESSION,
        decision_id=DECISION,
        agent_id="seller",
        kind="upsell",
        product_ids=["muffin"],
        confidence=0.75,
    )
    assert read("maitred.recommendation.v1", payload) == Recommendation(
        recommendation_id=UUID("3" * 32),
        agent_id="seller",
        kind=Kind.UPSELL,
        product_ids=("muffin",),
        confidence=0.75,
        session_id=SESSION,
        decision_id=DECISION,
        create_time=datetime(2026, 3, 2, 12, tzinfo=UTC),
    )


def test_a_rating_an_order_and_a_left_cart_are_read() -> None:
    subject = Subject(DECISION, SESSION)
    about = {"session_id": SESSION, "decision_id": DECISION}
    rated = event(feedback_id="fbk_" + "4" * 32, rating=4, reward=0.5, **about)
    assert read("maitred.feedback.v1", rated) == Rated(subject, 4, NOON)
    left = event(status="abandoned", **about)
    assert read("maitred.session.v1", left) == Left(subject, NOON)
    ordered = event(
        order_id="ord_" + "5" * 32,
        status="placed",
        lines=[{"product_id": "latte", "quantity": 2}, {"product_id": "muffin", "quantity": 1}],
        recommendation_ids=["rec_" + "3" * 32],
        **about,
    )
    assert read("maitred.order.v1", ordered) == Ordered(
        replace(subject, recommendation_ids=(UUID("3" * 32),)),
        frozenset({"latte", "muffin"}),
        NOON,
    )


def test_an_order_that_moved_on_is_nothing_to_learn_from() -> None:
    assert read("maitred.order.v1", event(status="completed")) is None


def test_what_a_newer_producer_adds_is_passed_over() -> None:
    payload = event(session_id=SESSION, status="abandoned", weather="rain")
    assert read("maitred.session.v1", payload) == Left(Subject("", SESSION), NOON)


@pytest.mark.parametrize(
    "payload", [b"nonsense", event(rating="many"), event(recommendation_id="rec_1", kind="dance")]
)
def test_what_is_not_what_its_type_says_is_refused(payload: bytes) -> None:
    event_type = "recommendation" if b"dance" in payload else "feedback"
    with pytest.raises(ValueError, match=r".+"):
        read(f"maitred.{event_type}.v1", payload)


def test_a_change_of_trust_is_told_as_trust_v1_to_the_staff_alone() -> None:
    after = replace(agent("seller", *[1.0] * 9), override=State.DISABLED, boost=0.1)
    saved = recorded(TENANT, None, after, "override key_1", IDS)
    assert saved.change is not None
    assert saved.change.change.cause == "override key_1"
    assert saved.trust.told == scores(after.evidence).overall
    told = saved.change.event
    assert (told.type, told.principal_id) == ("maitred.trust.v1", "")
    assert b"key_1" not in told.payload
    message = json_format.ParseDict(json.loads(told.payload)["data"], trust_event_pb2.TrustV1())
    protovalidate.validate(message)
    assert (message.cause, message.state, message.boost) == ("override", "disabled", 0.1)
    assert message.low < message.overall < message.high


def test_a_change_nobody_would_notice_is_written_and_not_told() -> None:
    before = agent("seller")
    saved = recorded(TENANT, before, before, "outcomes", IDS)
    assert (saved.trust, saved.change) == (before, None)
