"""What happened to a guest, as events tell it, and what that says of what was recommended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.learning.recommendations import Kind, Outcome, Recommendation, Source


@dataclass(frozen=True, slots=True)
class Subject:
    """What a fact is about: everything of a decision, and recommendations named one by one.

    Without a decision it is everything of the session that no decision led to.
    """

    decision_id: str
    session_id: str
    recommendation_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Rated:
    """A guest gave 1 to 5 stars."""

    subject: Subject
    stars: int
    time: datetime

    def says_of(self, _recommendation: Recommendation) -> Outcome:
        """(stars − 1) / 4, of everything the rated decision led to."""
        return Outcome((self.stars - 1) / 4, Source.RATING, self.time)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A guest placed an order."""

    subject: Subject
    product_ids: frozenset[str]
    time: datetime

    def says_of(self, recommendation: Recommendation) -> Outcome:
        """It turned out well, but for an offer none of which was bought."""
        is_declined = recommendation.kind is Kind.UPSELL and self.product_ids.isdisjoint(
            recommendation.product_ids
        )
        return Outcome(0.0 if is_declined else 1.0, Source.ORDER, self.time)


@dataclass(frozen=True, slots=True)
class Left:
    """A guest left with something in the cart."""

    subject: Subject
    time: datetime

    def says_of(self, _recommendation: Recommendation) -> Outcome:
        """It turned out badly."""
        return Outcome(0.0, Source.SESSION, self.time)


Fact = Rated | Ordered | Left
