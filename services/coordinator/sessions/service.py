"""The services of conversations: convert, call, convert."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import grpc
from maitred.coordinator.v1 import chat_service_pb2 as chat_pb
from maitred.coordinator.v1 import chat_service_pb2_grpc, session_service_pb2_grpc
from maitred.coordinator.v1 import session_service_pb2 as session_pb

from services.chassis.data.idempotency import IdempotencyKeys
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.data.postgres import Connection
from services.chassis.rpc import call
from services.chassis.rpc.faults import failure_of
from services.chassis.rpc.repeats import REPLAYED, keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.coordinator import convert
from services.coordinator.sessions.conversation import Conversations
from services.coordinator.sessions.store import SessionStore
from services.coordinator.sessions.stream import Replayed, TurnDone

_CREATE_SESSION = "maitred.coordinator.v1.SessionService/CreateSession"

Context = grpc.aio.ServicerContext[Any, Any]

_log = logging.getLogger(__name__)


@contextmanager
def _told(session_id: str, request_id: str = "") -> Iterator[None]:
    """Raises a conversation's own refusals as the failures they are told as."""
    try:
        yield
    except Exception as error:
        failure = convert.refused(error, session_id, request_id)
        if failure is None:
            raise
        raise failure from error


class ChatService(chat_service_pb2_grpc.ChatServiceServicer):
    """maitred.coordinator.v1.ChatService; `served` is told whose guests talk."""

    def __init__(
        self,
        conversations: Conversations,
        new_id: Callable[[], UUID],
        served: Callable[[UUID], None],
    ) -> None:
        self._conversations = conversations
        self._new_id = new_id
        self._served = served

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.coordinator.v1.ChatService",
            chat_service_pb2_grpc.add_ChatServiceServicer_to_server,
            self,
        )

    async def Chat(
        self, request: chat_pb.ChatRequest, context: Context
    ) -> AsyncIterator[chat_pb.ChatResponse]:
        """As the contract says."""
        serving = call.current()
        self._served(serving.principal.tenant_id)
        key = request.request_id or self._new_id().hex
        events = self._conversations.chat(
            convert.owner_of(serving.principal),
            convert.session_id_of(request.session_id),
            key,
            request.text,
        )
        begun = False
        try:
            with _told(request.session_id, key):
                async for event in events:
                    if isinstance(event, Replayed):
                        await context.send_initial_metadata(REPLAYED)
                        continue
                    begun = True
                    if isinstance(event, TurnDone) or not request.end_only:
                        yield convert.chat_message(event)
        except Exception as error:
            if not begun:
                raise
            failure = failure_of(error, serving.request_id)
            if failure.code is grpc.StatusCode.INTERNAL:
                # The chain tells what it refuses; this it takes for a stream that ended well.
                _log.error("chat_failed", exc_info=error)
            yield convert.error_message(failure)


class SessionService(session_service_pb2_grpc.SessionServiceServicer):
    """maitred.coordinator.v1.SessionService."""

    def __init__(self, store: SessionStore, keys: IdempotencyKeys, pages: PageTokens) -> None:
        self._store = store
        self._keys = keys
        self._pages = pages

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.coordinator.v1.SessionService",
            session_service_pb2_grpc.add_SessionServiceServicer_to_server,
            self,
        )

    async def CreateSession(
        self, request: session_pb.CreateSessionRequest, context: Context
    ) -> session_pb.CreateSessionResponse:
        """As the contract says."""
        principal = call.current().principal
        owner = convert.owner_of(principal)

        async def create(connection: Connection) -> bytes:
            session = await self._store.create(connection, owner)
            message = convert.session_message(session)
            return session_pb.CreateSessionResponse(session=message).SerializeToString()

        scope = scope_of(principal, _CREATE_SESSION, request.request_id)
        answer = await self._keys.run_once(scope, keyless(request), create)
        tell_replayed(context, answer)
        return session_pb.CreateSessionResponse.FromString(answer.body)

    async def GetSession(
        self, request: session_pb.GetSessionRequest, context: Context
    ) -> session_pb.GetSessionResponse:
        """As the contract says."""
        owner = convert.owner_of(call.current().principal)
        with _told(request.session_id):
            session = await self._store.get(owner, convert.session_id_of(request.session_id))
        return session_pb.GetSessionResponse(session=convert.session_message(session))

    async def GetTurn(
        self, request: session_pb.GetTurnRequest, context: Context
    ) -> session_pb.GetTurnResponse:
        """As the contract says."""
        owner = convert.owner_of(call.current().principal)
        session_id = convert.session_id_of(request.session_id)
        with _told(request.session_id, request.request_id):
            turn = await self._store.get_turn(owner, session_id, request.request_id)
        return session_pb.GetTurnResponse(turn=convert.turn_message(turn))

    async def ListTurns(
        self, request: session_pb.ListTurnsRequest, context: Context
    ) -> session_pb.ListTurnsResponse:
        """As the contract says."""
        owner = convert.owner_of(call.current().principal)
        size = page_size(request.page_size)
        arguments = {"list": "turns", "session_id": request.session_id}
        position = self._pages.decode(request.page_token, arguments)
        after = int(position[0]) if position else 0
        with _told(request.session_id):
            turns = await self._store.list_turns(
                owner, convert.session_id_of(request.session_id), after, size + 1
            )
        page = turns[:size]
        more = len(turns) > size
        token = self._pages.encode([page[-1].ordinal], arguments) if more else ""
        return session_pb.ListTurnsResponse(
            turns=convert.turn_messages(page), next_page_token=token
        )
