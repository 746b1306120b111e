"""Events: facts read from other services' events, and CloudEvents type `maitred.trust.v1` told.

Data: maitred.events.v1.RecommendationV1, FeedbackV1, OrderV1 and SessionV1 in; TrustV1 out.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf import json_format
from google.protobuf.message import Message
from maitred.events.v1 import (
    feedback_event_pb2,
    order_event_pb2,
    recommendation_event_pb2,
    session_event_pb2,
)

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.outbox import OutboxEvent, cloud_event
from services.learning.facts import Fact, Left, Ordered, Rated, Subject
from services.learning.recommendations import Kind, Recommendation
from services.learning.store import NewChange, Saved
from services.learning.trust import AgentTrust, Change, Scores, has_changed, scores

M = TypeVar("M", bound=Message)

TYPE = "maitred.trust.v1"
TENANT = "maitred.tenant.v1"
SOURCE = "/maitred/learning"


def read(event_type: str, payload: bytes) -> Recommendation | Fact | None:
    """What an event tells; None for nothing that is learned from.

    Args:
        event_type: one of `READ`, but `TENANT`.
        payload: the CloudEvents object in JSON.

    Raises:
        ValueError: it is not what its type says.
    """
    event = json.loads(payload)
    return _READERS[event_type](event["data"], datetime.fromisoformat(event["time"]))


def time_zone(payload: bytes) -> str:
    """The zone an event of type `TENANT` tells of; ValueError if it is none."""
    zone: str = json.loads(payload)["data"]["time_zone"]
    try:
        ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        raise ValueError(f"no time zone {zone}") from None
    return zone


def recorded(
    tenant_id: UUID, before: AgentTrust | None, after: AgentTrust, cause: str, ids: IdFactory
) -> Saved:
    """The trust in an agent as it is to be written.

    Args:
        tenant_id: whose.
        before: before it changed; None if the change is to be recorded however small.
        after: as it is now.
        cause: `outcomes`, a cycle's id, `initialize`, or `override` and who.
        ids: makes the ids of the change and of its event.
    """
    if before is not None and not has_changed(before, after):
        return Saved(after, None)
    found = scores(after.evidence)
    told = replace(after, told=found.overall)
    change = Change(found.overall, told.boost, told.state, cause, told.update_time)
    event_id = ids.new()
    event = OutboxEvent(
        event_id=event_id,
        tenant_id=tenant_id,
        type=TYPE,
        aggregate_id=f"trust:{told.agent_id}",
        # Nobody's but the staff's.
        principal_id="",
        payload=cloud_event(
            event_id=event_id,
            source=SOURCE,
            event_type=TYPE,
            subject=told.agent_id,
            time=change.time,
            data=_trust_v1(tenant_id, told.agent_id, found, change),
        ),
    )
    return Saved(told, NewChange(ids.new(), change, event))


def _trust_v1(tenant_id: UUID, agent_id: str, found: Scores, change: Change) -> dict[str, Any]:
    return {
        "tenant_id": str(tenant_id),
        "agent_id": agent_id,
        "overall": change.overall,
        "low": found.low,
        "high": found.high,
        "boost": change.boost,
        "state": change.state.value,
        # Who overrode it is for the record alone.
        "cause": change.cause.partition(" ")[0],
    }


def _recommended(data: Mapping[str, Any], time: datetime) -> Recommendation:
    message = _parsed(data, recommendation_event_pb2.RecommendationV1())
    return Recommendation(
        recommendation_id=from_id("rec", message.recommendation_id),
        agent_id=message.agent_id,
        kind=Kind(message.kind),
        product_ids=tuple(message.product_ids),
        confidence=message.confidence,
        session_id=message.session_id,
        decision_id=message.decision_id,
        create_time=time,
    )


def _rated(data: Mapping[str, Any], time: datetime) -> Rated:
    message = _parsed(data, feedback_event_pb2.FeedbackV1())
    return Rated(Subject(message.decision_id, message.session_id), message.rating, time)


def _ordered(data: Mapping[str, Any], time: datetime) -> Ordered | None:
    if data["status"] != "placed":
        return None
    message = _parsed(data, order_event_pb2.OrderV1())
    recommendations = tuple(from_id("rec", one) for one in message.recommendation_ids)
    return Ordered(
        Subject(message.decision_id, message.session_id, recommendations),
        frozenset(line.product_id for line in message.lines),
        time,
    )


def _left(data: Mapping[str, Any], time: datetime) -> Left:
    message = _parsed(data, session_event_pb2.SessionV1())
    return Left(Subject(message.decision_id, message.session_id), time)


def _parsed(data: Mapping[str, Any], message: M) -> M:
    try:
        # A newer producer may say more.
        return json_format.ParseDict(dict(data), message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error


_READERS: Mapping[str, Callable[[Mapping[str, Any], datetime], Recommendation | Fact | None]] = {
    "maitred.recommendation.v1": _recommended,
    "maitred.feedback.v1": _rated,
    "maitred.order.v1": _ordered,
    "maitred.session.v1": _left,
}
READ = frozenset({TENANT, *_READERS})
