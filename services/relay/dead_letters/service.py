"""maitred.events.v1.DeadLetterService."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.events.v1 import dead_letter_service_pb2, dead_letter_service_pb2_grpc

from services.chassis.data.ids import from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.server import ServicerBinding
from services.relay.dead_letters.convert import (
    PREFIX,
    from_letter,
    letter_not_found,
    letter_settled,
    to_listed,
    to_meant,
)
from services.relay.dead_letters.letter import LetterFilter, Status, StoredLetter
from services.relay.dead_letters.store import Discard, LetterStore, Place
from services.relay.metrics import RelayMetrics

Context = grpc.aio.ServicerContext[Any, Any]

# A transaction of so many letters is short: consumers, who lock them too, wait for it, and a call
# that is out of time ends between two of them.
_AT_ONCE = 500


class DeadLetterService(dead_letter_service_pb2_grpc.DeadLetterServiceServicer):
    """Shows letters, makes them due, gives them up; consumers try them."""

    def __init__(
        self,
        store: LetterStore,
        metrics: RelayMetrics,
        tokens: PageTokens,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._tokens = tokens
        self._clock = clock

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.events.v1.DeadLetterService",
            dead_letter_service_pb2_grpc.add_DeadLetterServiceServicer_to_server,
            self,
        )

    async def ListDeadLetters(
        self, request: dead_letter_service_pb2.ListDeadLettersRequest, context: Context
    ) -> dead_letter_service_pb2.ListDeadLettersResponse:
        chosen = to_listed(request)
        arguments = {"list": "dead-letters", "filter": repr(chosen)}
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        before = int(position[0]) if position else None
        found = await self._store.page(current().principal.tenant_id, chosen, before, size + 1)
        page = found[:size]
        more = len(found) > size
        return dead_letter_service_pb2.ListDeadLettersResponse(
            dead_letters=[from_letter(letter) for letter in page],
            next_page_token=self._tokens.encode([page[-1].number], arguments) if more else "",
        )

    async def GetDeadLetter(
        self, request: dead_letter_service_pb2.GetDeadLetterRequest, context: Context
    ) -> dead_letter_service_pb2.GetDeadLetterResponse:
        letter = await self._letter(request.dead_letter_id)
        return dead_letter_service_pb2.GetDeadLetterResponse(dead_letter=from_letter(letter))

    async def ReplayDeadLetter(
        self, request: dead_letter_service_pb2.ReplayDeadLetterRequest, context: Context
    ) -> dead_letter_service_pb2.ReplayDeadLetterResponse:
        await self._replay(LetterFilter(ids=(_id(request.dead_letter_id),)))
        letter = await self._letter(request.dead_letter_id)
        if letter.status is Status.DISCARDED:
            raise letter_settled(request.dead_letter_id, letter.status)
        return dead_letter_service_pb2.ReplayDeadLetterResponse(dead_letter=from_letter(letter))

    async def ReplayDeadLetters(
        self, request: dead_letter_service_pb2.ReplayDeadLettersRequest, context: Context
    ) -> dead_letter_service_pb2.ReplayDeadLettersResponse:
        return dead_letter_service_pb2.ReplayDeadLettersResponse(
            count=await self._replay(to_meant(request))
        )

    async def DiscardDeadLetter(
        self, request: dead_letter_service_pb2.DiscardDeadLetterRequest, context: Context
    ) -> dead_letter_service_pb2.DiscardDeadLetterResponse:
        await self._discard(LetterFilter(ids=(_id(request.dead_letter_id),)), request.reason)
        letter = await self._letter(request.dead_letter_id)
        if letter.status is Status.RESOLVED:
            raise letter_settled(request.dead_letter_id, letter.status)
        return dead_letter_service_pb2.DiscardDeadLetterResponse(dead_letter=from_letter(letter))

    async def DiscardDeadLetters(
        self, request: dead_letter_service_pb2.DiscardDeadLettersRequest, context: Context
    ) -> dead_letter_service_pb2.DiscardDeadLettersResponse:
        return dead_letter_service_pb2.DiscardDeadLettersResponse(
            count=await self._discard(to_meant(request), request.reason)
        )

    async def _letter(self, letter_id: str) -> StoredLetter:
        letter = await self._store.get(current().principal.tenant_id, _id(letter_id))
        if letter is None:
            raise letter_not_found(letter_id)
        return letter

    async def _replay(self, meant: LetterFilter) -> int:
        """Makes letters due; how many were meant."""
        tenant_id, now = current().principal.tenant_id, self._clock()
        count = 0
        place: Place | None = Place()
        while place is not None:
            batch = await self._store.replay(tenant_id, meant, now, place, _AT_ONCE)
            self._metrics.intervened("replay", batch.changed)
            count, place = count + batch.meant, batch.last
        return count

    async def _discard(self, meant: LetterFilter, reason: str) -> int:
        """Gives letters up in the caller's name; how many."""
        principal = current().principal
        discard = Discard(principal.principal_id, reason, self._clock())
        count = 0
        place: Place | None = Place()
        while place is not None:
            batch = await self._store.discard(principal.tenant_id, meant, discard, place, _AT_ONCE)
            self._metrics.intervened("discard", batch.changed)
            count, place = count + batch.changed, batch.last
        return count


def _id(letter_id: str) -> UUID:
    return from_id(PREFIX, letter_id)
