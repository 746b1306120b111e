"""Ratings and abandoned conversations in Postgres, each with its event in one transaction."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.chassis.data.outbox import OutboxEvent, append
from services.chassis.data.postgres import Connection, Database, Queries
from services.coordinator.feedback.credit import (
    Conversation,
    Credited,
    DecisionNotFound,
    Rating,
    Tally,
)
from services.coordinator.sessions.turn import SessionNotFound

_BATCH = 100


class FeedbackStore:
    """What guests thought, and what they left, by transactions of one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Queries.load(__package__)

    async def credited(
        self, connection: Connection, conversation: Conversation, decision_id: str
    ) -> Credited:
        """Whom a rating rewards: who served by the decision, or where it is empty who serves now.

        Until the transaction ends nobody else rates the conversation.

        Raises SessionNotFound, also for somebody else's, and DecisionNotFound.
        """
        key = _key(conversation)
        row = await connection.fetchrow(self._sql.lock_conversation, *key)
        if row is None:
            raise SessionNotFound(str(conversation.session_id))
        if decision_id in {"", row["decision_id"]}:
            return Credited(row["decision_id"], row["agent_id"])
        agent_id = await connection.fetchval(self._sql.find_agent, *key, decision_id)
        if agent_id is None:
            raise DecisionNotFound(decision_id)
        return Credited(decision_id, agent_id)

    async def add(
        self, connection: Connection, rating: Rating, comment: str, event: OutboxEvent
    ) -> None:
        """Stores a rating and its event in the transaction that called `credited`."""
        tenant_id, session_id, principal_id = _key(rating.conversation)
        await connection.execute(
            self._sql.insert_rating,
            tenant_id,
            rating.feedback_id,
            session_id,
            principal_id,
            rating.credited.decision_id,
            rating.credited.agent_id,
            rating.stars,
            comment,
            rating.create_time,
        )
        await append(connection, event)

    async def tally(self, tenant_id: UUID, session_id: UUID, principal_id: str | None) -> Tally:
        """The ratings of a conversation: of the principal's own, of any where that is None.

        Raises SessionNotFound.
        """
        key = (tenant_id, session_id, principal_id)
        async with self._database.tenant(tenant_id) as connection:
            if not await connection.fetchval(self._sql.has_conversation, *key):
                raise SessionNotFound(str(session_id))
            rows = await connection.fetch(self._sql.count_ratings, *key)
        return Tally(
            {row["rating"]: row["many"] for row in rows},
            max((row["last_at"] for row in rows), default=None),
        )

    async def abandon(
        self,
        tenant_id: UUID,
        before: datetime,
        now: datetime,
        told: Callable[[Conversation, Credited], OutboxEvent],
    ) -> int:
        """Marks conversations idle since before then with a cart, once each; how many there were.

        Several may do so at a time: whom one marks the others pass over.
        """
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(
                self._sql.abandon_conversations, tenant_id, before, now, _BATCH
            )
            for row in rows:
                conversation = Conversation(tenant_id, row["principal_id"], row["session_id"])
                credited = Credited(row["decision_id"], row["agent_id"])
                await append(connection, told(conversation, credited))
        return len(rows)


def _key(conversation: Conversation) -> tuple[UUID, UUID, str]:
    return conversation.tenant_id, conversation.session_id, conversation.principal_id
