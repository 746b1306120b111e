"""Events of conversations: `maitred.recommendation.v1`, data maitred.events.v1.RecommendationV1."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.data.ids import to_id
from services.chassis.data.outbox import OutboxEvent, cloud_event
from services.coordinator.sessions.serving import Recommendation, Serving
from services.coordinator.sessions.turn import Owner

RECOMMENDATION = "maitred.recommendation.v1"
SOURCE = "/maitred/coordinator"


def recommended(
    recommendation: Recommendation,
    owner: Owner,
    session_id: UUID,
    serving: Serving,
    event_id: UUID,
    now: datetime,
) -> OutboxEvent:
    """The event that an agent did something for the guest of a conversation."""
    session = to_id("ses", session_id)
    return OutboxEvent(
        event_id=event_id,
        tenant_id=owner.tenant_id,
        type=RECOMMENDATION,
        aggregate_id=session,
        principal_id=owner.principal_id,
        payload=cloud_event(
            event_id=event_id,
            source=SOURCE,
            event_type=RECOMMENDATION,
            subject=recommendation.recommendation_id,
            time=now,
            data=recommendation_v1(recommendation, owner, session, serving),
        ),
    )


def recommendation_v1(
    recommendation: Recommendation, owner: Owner, session_id: str, serving: Serving
) -> dict[str, Any]:
    """RecommendationV1 as ProtoJSON: what is empty is left out."""
    data: dict[str, Any] = {
        "tenant_id": str(owner.tenant_id),
        "principal_id": owner.principal_id,
        "recommendation_id": recommendation.recommendation_id,
        "session_id": session_id,
        "agent_id": serving.agent_id,
        "kind": recommendation.kind.value,
        "confidence": recommendation.confidence,
    }
    if serving.decision_id:
        data["decision_id"] = serving.decision_id
    if recommendation.product_ids:
        data["product_ids"] = list(recommendation.product_ids)
    return data
