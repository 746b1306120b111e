"""Events of feedback: `maitred.feedback.v1` and `maitred.session.v1`.

Both are about a conversation, whose row is locked while they are written: a consumer gets them in
the order in which they happened. What a guest wrote is in neither.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.data.ids import to_id
from services.chassis.data.outbox import OutboxEvent, cloud_event
from services.coordinator.feedback.credit import Conversation, Credited, Rating

FEEDBACK = "maitred.feedback.v1"
SESSION = "maitred.session.v1"
SOURCE = "/maitred/coordinator"


def feedback_given(rating: Rating, event_id: UUID) -> OutboxEvent:
    """The event that a guest rated how they were served."""
    data = {
        **_about(rating.conversation, rating.credited),
        "feedback_id": to_id("fbk", rating.feedback_id),
        "rating": rating.stars,
        "reward": rating.reward,
    }
    return _event(FEEDBACK, rating.conversation, data, event_id, rating.create_time)


def conversation_abandoned(
    conversation: Conversation, credited: Credited, event_id: UUID, now: datetime
) -> OutboxEvent:
    """The event that a guest left with something in the cart."""
    data = {**_about(conversation, credited), "status": "abandoned"}
    return _event(SESSION, conversation, data, event_id, now)


def _about(conversation: Conversation, credited: Credited) -> dict[str, Any]:
    about = {
        "tenant_id": str(conversation.tenant_id),
        "principal_id": conversation.principal_id,
        "session_id": to_id("ses", conversation.session_id),
        "decision_id": credited.decision_id,
        "agent_id": credited.agent_id,
    }
    # As in ProtoJSON, what is empty is left out.
    return {name: value for name, value in about.items() if value}


def _event(
    kind: str,
    conversation: Conversation,
    data: Mapping[str, Any],
    event_id: UUID,
    time: datetime,
) -> OutboxEvent:
    subject = to_id("ses", conversation.session_id)
    return OutboxEvent(
        event_id=event_id,
        tenant_id=conversation.tenant_id,
        type=kind,
        aggregate_id=subject,
        principal_id=conversation.principal_id,
        payload=cloud_event(
            event_id=event_id,
            source=SOURCE,
            event_type=kind,
            subject=subject,
            time=time,
            data=data,
        ),
    )
