"""Conversations that guests left with something in the cart are found and told, once each."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.chassis.data.outbox import OutboxEvent
from services.chassis.data.postgres import FAULTS
from services.coordinator.feedback.credit import Conversation, Credited
from services.coordinator.feedback.events import conversation_abandoned
from services.coordinator.feedback.store import FeedbackStore

_LONGEST_WAIT_S = 60.0

_log = structlog.get_logger(__name__)


class Abandonment:
    """Tells of conversations that lie idle with a cart, of tenants this process serves.

    Args:
        store: marks them.
        tenants: those that were served lately.
        clock: for how long they lie.
        new_id: makes ids of events.
        committed: called after events were written.
        after_s: seconds after which a conversation counts as left.
    """

    def __init__(
        self,
        store: FeedbackStore,
        tenants: Callable[[], Iterable[UUID]],
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        committed: Callable[[], None],
        after_s: float,
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._clock = clock
        self._new_id = new_id
        self._committed = committed
        self._after = timedelta(seconds=after_s)
        self._pause_s = min(_LONGEST_WAIT_S, after_s / 2)

    async def run(self) -> None:
        """A round every minute, or more often where conversations are given up soon."""
        while True:
            await asyncio.sleep(self._pause_s)
            await self.tell()

    async def tell(self) -> int:
        """One round; how many conversations it told of."""
        return sum([await self._tell_of(tenant_id) for tenant_id in tuple(self._tenants())])

    async def _tell_of(self, tenant_id: UUID) -> int:
        told = 0
        try:
            while marked := await self._mark(tenant_id):
                self._committed()
                told += marked
        except FAULTS as fault:
            # The next round finds what this one could not mark.
            _log.warning("abandoned.put_off", tenant=str(tenant_id), error=type(fault).__name__)
        return told

    async def _mark(self, tenant_id: UUID) -> int:
        now = self._clock()

        def event(conversation: Conversation, credited: Credited) -> OutboxEvent:
            return conversation_abandoned(conversation, credited, self._new_id(), now)

        return await self._store.abandon(tenant_id, now - self._after, now, event)
