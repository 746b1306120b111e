"""Events as other services tell them, for learning to learn from."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis.data.ids import IdFactory, to_id
from services.chassis.data.outbox import OutboxEvent, cloud_event

START = datetime.now(UTC)
TICKS = itertools.count()
# Ids of one millisecond have no order; a millisecond for each keeps lists in the order of events.
NEW = IdFactory(lambda: START + timedelta(milliseconds=next(TICKS))).new


def new_id(prefix: str) -> str:
    return to_id(prefix, NEW())


@dataclass(slots=True)
class Guest:
    """A guest's conversation with one agent, and what it makes happen, a second apart.

    Attributes:
        tenant_id: where.
        agent_id: who serves.
        principal_id: who they are.
        time: of the last event.
        decision_id: what chose the agent.
        told: all that happened, for the outbox.
        recommendation_ids: what was recommended.
    """

    tenant_id: UUID
    agent_id: str = "seller"
    time: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=10))
    decision_id: str = field(default_factory=lambda: new_id("dec"))
    session_id: str = field(default_factory=lambda: new_id("ses"))
    told: list[OutboxEvent] = field(default_factory=list)
    recommendation_ids: list[str] = field(default_factory=list)
    principal_id: str = "gst_1"

    def is_served(self, confidence: float = 0.5) -> "Guest":
        return self._recommended("serve", (), confidence)

    def is_offered(self, *products: str, confidence: float = 0.5) -> "Guest":
        return self._recommended("upsell", products, confidence)

    def is_answered(self, confidence: float = 0.5) -> "Guest":
        return self._recommended("answer", (), confidence)

    def rates(self, stars: int) -> "Guest":
        return self._tell(
            "maitred.feedback.v1",
            {
                "feedback_id": new_id("fbk"),
                "session_id": self.session_id,
                "decision_id": self.decision_id,
                "agent_id": self.agent_id,
                "rating": stars,
                "reward": (stars - 3) / 2,
            },
        )

    def orders(self, *products: str, status: str = "placed") -> "Guest":
        return self._tell(
            "maitred.order.v1",
            {
                "order_id": new_id("ord"),
                "status": status,
                "lines": [
                    {
                        "product_id": product,
                        "quantity": 1,
                        "unit_price_minor": "300",
                        "total_minor": "300",
                    }
                    for product in products
                ],
                "totals": {"subtotal_minor": "300", "total_minor": "300"},
                "currency": "EUR",
                "transaction_id": "t",
                "session_id": self.session_id,
                "decision_id": self.decision_id,
                "recommendation_ids": self.recommendation_ids,
                "version": "1",
            },
        )

    def leaves(self) -> "Guest":
        return self._tell(
            "maitred.session.v1",
            {
                "session_id": self.session_id,
                "status": "abandoned",
                "decision_id": self.decision_id,
                "agent_id": self.agent_id,
            },
        )

    def _recommended(self, kind: str, products: tuple[str, ...], confidence: float) -> "Guest":
        self.recommendation_ids.append(new_id("rec"))
        return self._tell(
            "maitred.recommendation.v1",
            {
                "recommendation_id": self.recommendation_ids[-1],
                "session_id": self.session_id,
                "decision_id": self.decision_id,
                "agent_id": self.agent_id,
                "kind": kind,
                "product_ids": list(products),
                "confidence": confidence,
            },
        )

    def _tell(self, event_type: str, data: dict[str, Any]) -> "Guest":
        self.time += timedelta(seconds=1)
        who = {"tenant_id": str(self.tenant_id), "principal_id": self.principal_id}
        event_id = NEW()
        payload = cloud_event(
            event_id=event_id,
            source="/test",
            event_type=event_type,
            subject=self.session_id,
            time=self.time,
            data=who | data,
        )
        self.told.append(
            OutboxEvent(
                *(event_id, self.tenant_id, event_type, self.session_id, self.principal_id),
                payload,
            )
        )
        return self
