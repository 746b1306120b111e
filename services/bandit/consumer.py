"""Events that tell what a decision was worth, written down as rewards to be applied."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.bandit.credit import CART_ABANDONED, ORDER, ORDER_PLACED, RATING, SESSION
from services.bandit.metrics import BanditMetrics
from services.bandit.store import report
from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.data.streams import StreamEvent

TYPES = frozenset({"maitred.feedback.v1", "maitred.order.v1", "maitred.session.v1"})


@dataclass(frozen=True, slots=True)
class Credit:
    """What an event is worth to the decision it names, in [-1, 1], by whom and when."""

    decision: str
    source: str
    value: float
    time: datetime


class CreditEffect:
    """Keeps the reward an event tells of; one of no decision for its guest is counted and left.

    What an order names is what its guest said: nobody may credit a stranger's decision.
    """

    def __init__(self, metrics: BanditMetrics, reported: Callable[[], None]) -> None:
        """`reported` is called when there is something to apply."""
        self._metrics = metrics
        self._reported = reported

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        """The effect, in the transaction of the event's tenant."""
        credit = credit_of(event)
        if credit is None:
            return
        decision_id = _decision(credit.decision)
        if decision_id and await report(
            *(connection, event.tenant_id, decision_id, credit.source, credit.value, credit.time),
            owner=event.principal_id,
        ):
            self._reported()
        else:
            self._metrics.rewards.labels("unknown").inc()


def credit_of(event: StreamEvent) -> Credit | None:
    """What an event says of a decision; None if it says nothing of any."""
    envelope = json.loads(event.payload)
    data: dict[str, Any] = envelope["data"]
    decision = data.get("decision_id", "")
    if not decision:
        return None
    time = datetime.fromisoformat(envelope["time"])
    match event.type, data.get("status"):
        case "maitred.feedback.v1", _:
            return Credit(decision, RATING, float(data.get("reward", 0.0)), time)
        case "maitred.order.v1", "placed":
            return Credit(decision, ORDER, ORDER_PLACED, time)
        case "maitred.session.v1", "abandoned":
            return Credit(decision, SESSION, CART_ABANDONED, time)
    return None


def _decision(text: str) -> UUID | None:
    try:
        return from_id("dec", text)
    except ValueError:
        return None
