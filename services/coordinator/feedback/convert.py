"""Ratings as their contract has them."""

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.coordinator.v1 import feedback_service_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, not_found
from services.coordinator.convert import SESSION
from services.coordinator.feedback.credit import Rating, Tally

FEEDBACK = "fbk"


def decision_not_found(decision_id: str) -> Failure:
    """NOT_FOUND: the decision is not one of the conversation's."""
    return not_found("DECISION_NOT_FOUND", "No such decision.", decision_id=decision_id)


def feedback_message(rating: Rating) -> feedback_service_pb2.Feedback:
    """A rating."""
    given = Timestamp()
    given.FromDatetime(rating.create_time)
    return feedback_service_pb2.Feedback(
        feedback_id=to_id(FEEDBACK, rating.feedback_id),
        session_id=to_id(SESSION, rating.conversation.session_id),
        decision_id=rating.credited.decision_id,
        rating=rating.stars,
        reward=rating.reward,
        create_time=given,
    )


def stats_message(tally: Tally) -> feedback_service_pb2.FeedbackStats:
    """Ratings, counted."""
    stats = feedback_service_pb2.FeedbackStats(
        count=tally.count,
        mean_rating=tally.mean_rating,
        mean_reward=tally.mean_reward,
        distribution=tally.counts,
    )
    if tally.last_at is not None:
        stats.last_at.FromDatetime(tally.last_at)
    return stats
