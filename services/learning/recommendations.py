"""What an agent did for a guest, and how it turned out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What an agent did."""

    SERVE = "serve"
    UPSELL = "upsell"
    ANSWER = "answer"


class Source(StrEnum):
    """Who told how it turned out."""

    SESSION = "session"
    ORDER = "order"
    RATING = "rating"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How something turned out: from 0, badly, to 1, well."""

    value: float
    source: Source
    time: datetime

    @property
    def is_good(self) -> bool:
        """Whether it counts as a success: accepted, ordered, or four stars and more."""
        return self.value > 0.5

    @property
    def is_failure(self) -> bool:
        """Whether the guest left a full cart, or was dissatisfied: one or two stars of five.

        An offer that was declined is no failure.
        """
        left = self.source is Source.SESSION
        return left or (self.source is Source.RATING and self.value <= 0.25)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something an agent did for a guest.

    Attributes:
        recommendation_id: names it.
        agent_id: who did it.
        kind: what.
        product_ids: products it offered.
        confidence: how sure it was, in [0, 1].
        session_id: the conversation.
        decision_id: the decision that chose the agent; empty for none.
        create_time: when.
        outcome: the one outcome that counts so far.
    """

    recommendation_id: UUID
    agent_id: str
    kind: Kind
    product_ids: tuple[str, ...]
    confidence: float
    session_id: str
    decision_id: str
    create_time: datetime
    outcome: Outcome | None = None


# Who is believed, the weakest first. What a guest bought says most about an offer, stars say most
# about being served; about an answer only stars say anything.
_BELIEVED = {
    Kind.SERVE: (Source.SESSION, Source.ORDER, Source.RATING),
    Kind.UPSELL: (Source.SESSION, Source.RATING, Source.ORDER),
    Kind.ANSWER: (Source.RATING,),
}


def prevails(recommendation: Recommendation, told: Outcome) -> bool:
    """Whether `told` counts from now on, in place of the outcome there may have been.

    A later rating replaces an earlier one. A later order can only make an offer accepted: who
    bought it once did not hand it back by ordering again.
    """
    believed = _BELIEVED[recommendation.kind]
    if told.source not in believed:
        return False
    known = recommendation.outcome
    if known is None:
        return True
    if known.source is not told.source:
        return believed.index(told.source) > believed.index(known.source)
    if told.source is Source.RATING:
        return told.time >= known.time
    return told.value > known.value
