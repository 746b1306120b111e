"""maitred.coordinator.v1.FeedbackService."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.coordinator.v1 import feedback_service_pb2 as pb
from maitred.coordinator.v1 import feedback_service_pb2_grpc

from services.chassis.data.idempotency import IdempotencyKeys
from services.chassis.data.postgres import Connection
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.coordinator.convert import session_id_of, session_not_found
from services.coordinator.feedback.convert import (
    decision_not_found,
    feedback_message,
    stats_message,
)
from services.coordinator.feedback.credit import Conversation, DecisionNotFound, Rating
from services.coordinator.feedback.events import feedback_given
from services.coordinator.feedback.store import FeedbackStore
from services.coordinator.sessions.turn import SessionNotFound

_SUBMIT = "maitred.coordinator.v1.FeedbackService/SubmitFeedback"

Context = grpc.aio.ServicerContext[Any, Any]


class FeedbackService(feedback_service_pb2_grpc.FeedbackServiceServicer):
    """Takes ratings, and counts them.

    Args:
        committed: called after an event was written.
        rated: told the stars of each new rating.
    """

    def __init__(
        self,
        store: FeedbackStore,
        keys: IdempotencyKeys,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        committed: Callable[[], None],
        rated: Callable[[int], None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._committed = committed
        self._rated = rated

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.coordinator.v1.FeedbackService",
            feedback_service_pb2_grpc.add_FeedbackServiceServicer_to_server,
            self,
        )

    async def SubmitFeedback(
        self, request: pb.SubmitFeedbackRequest, context: Context
    ) -> pb.SubmitFeedbackResponse:
        """As the contract says."""
        principal = current().principal
        conversation = Conversation(
            principal.tenant_id, principal.principal_id, session_id_of(request.session_id)
        )

        async def submit(connection: Connection) -> bytes:
            rating = await self._add(connection, conversation, request)
            message = feedback_message(rating)
            return pb.SubmitFeedbackResponse(feedback=message).SerializeToString()

        scope = scope_of(principal, _SUBMIT, request.request_id)
        try:
            answer = await self._keys.run_once(scope, keyless(request), submit)
        except SessionNotFound as error:
            raise session_not_found(request.session_id) from error
        except DecisionNotFound as error:
            raise decision_not_found(request.decision_id) from error
        if not answer.replayed:
            self._committed()
            self._rated(request.rating)
        tell_replayed(context, answer)
        return pb.SubmitFeedbackResponse.FromString(answer.body)

    async def GetFeedbackStats(
        self, request: pb.GetFeedbackStatsRequest, context: Context
    ) -> pb.GetFeedbackStatsResponse:
        """As the contract says."""
        principal = current().principal
        visible = principal.principal_id if principal.is_guest_only else None
        try:
            tally = await self._store.tally(
                principal.tenant_id, session_id_of(request.session_id), visible
            )
        except SessionNotFound as error:
            raise session_not_found(request.session_id) from error
        return pb.GetFeedbackStatsResponse(stats=stats_message(tally))

    async def _add(
        self, connection: Connection, conversation: Conversation, request: pb.SubmitFeedbackRequest
    ) -> Rating:
        credited = await self._store.credited(connection, conversation, request.decision_id)
        rating = Rating(self._new_id(), conversation, credited, request.rating, self._clock())
        event = feedback_given(rating, self._new_id())
        await self._store.add(connection, rating, request.comment, event)
        return rating
