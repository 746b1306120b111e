"""`POST /api/v1/sessions/{session_id}/messages`: an answer as it is made, or whole.

With `Accept: text/event-stream` the events are those of ChatResponse — `token`, `tool_call`,
`cart`, `order`, `citation`, `usage`, and last `done` or `error`, whose data is a problem document.
They carry no ids: after a drop the stored turn is read by its request id. Otherwise the answer is
one JSON object. A failure before the first event is an ordinary problem either way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import grpc
import structlog
from maitred.coordinator.v1 import chat_service_pb2, turn_pb2
from maitred.errors.v1 import error_pb2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.exchange import Answer, Exchange, json_answer
from gateway.problems import render
from gateway.realtime import sse
from gateway.surfaces.disconnects import unless_gone
from gateway.transcoding.decoding import Decoders, MalformedInput, parse_json
from gateway.transcoding.encoding import Encoders, descriptor_of
from gateway.transcoding.endpoint import REPLAYED_HEADERS, is_replayed, request_key
from gateway.transcoding.idempotency import fill_key
from services.chassis.rpc.errors import Failure, cancelled, internal
from services.chassis.rpc.faults import failure_of

PATH = "/api/v1/sessions/{session_id}/messages"
# What one JSON object tells of a turn; `order` is null where none was placed.
ANSWERED = (
    "session_id",
    "request_id",
    "text",
    "cart",
    "order",
    "citations",
    "decision_id",
    "usage",
)
_RPC = "/maitred.coordinator.v1.ChatService/Chat"
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_log = structlog.get_logger(__name__)

ChatEvent = chat_service_pb2.ChatResponse


class Chat:
    """The endpoint of the chat."""

    def __init__(self, channel: grpc.aio.Channel, most_bytes: int) -> None:
        self._call: Callable[[Any], Any] = channel.unary_stream(
            _RPC,
            request_serializer=chat_service_pb2.ChatRequest.SerializeToString,
            response_deserializer=ChatEvent.FromString,
        )
        self._most_bytes = most_bytes
        self._decode = Decoders().of(chat_service_pb2.ChatRequest)
        encoders = Encoders()
        turn = descriptor_of(turn_pb2.Turn).fields_by_name
        self._turn = {name: encoders.of_field(turn[name]) for name in ANSWERED}
        self._events = {
            field.name: encoders.of_field(field) for field in descriptor_of(ChatEvent).fields
        }

    async def answer(self, exchange: Exchange) -> Answer:
        """Answers one message."""
        request = await self._request(exchange)
        call = self._call(request)
        first: ChatEvent = await unless_gone(exchange.receive, _first(call, exchange))
        headers = REPLAYED_HEADERS if is_replayed(await call.initial_metadata()) else {}
        events = events_of(call, first, exchange.request_id)
        if _wants_stream(exchange):
            return _Stream(self.frames(events, exchange.request_id), call, headers)
        turn = await unless_gone(exchange.receive, _finished(events))
        return self._whole(turn, headers)

    async def _request(self, exchange: Exchange) -> chat_service_pb2.ChatRequest:
        value = parse_json(await exchange.body(self._most_bytes))
        if type(value) is not dict:
            raise MalformedInput("must be an object")
        if key := request_key(exchange):
            fill_key(value, key)
        (session_id,) = exchange.values
        for name in ("sessionId", "endOnly"):
            value.pop(name, None)
        # Every event costs a message on the way here; one object takes the last alone.
        end_only = not _wants_stream(exchange)
        return self._decode(value | {"session_id": session_id, "end_only": end_only})

    def _whole(self, turn: turn_pb2.Turn, headers: Mapping[str, str]) -> Response:
        shown = ",".join(f'"{name}":{self._shown(turn, name)}' for name in self._turn)
        return json_answer(f"{{{shown}}}", headers)

    def _shown(self, turn: turn_pb2.Turn, name: str) -> str:
        if name == "order" and not turn.HasField("order"):
            return "null"
        return self._turn[name](getattr(turn, name))

    async def frames(
        self, events: AsyncIterator[ChatEvent], request_id: str
    ) -> AsyncIterator[bytes]:
        """The events as they go out; the last is always `done` or `error`."""
        try:
            async for event in events:
                name = event.WhichOneof("event")
                if name is not None:
                    yield sse.frame(self._events[name](getattr(event, name)).encode(), event=name)
        except Exception as error:  # noqa: BLE001 - told whatever it is
            failure = failure_of(error, request_id)
            if failure.code is grpc.StatusCode.INTERNAL:
                _log.error("chat_failed", request_id=request_id, exc_info=error)
            yield sse.frame(render(failure, request_id).body, event="error")


class _Stream:
    """A chat as server-sent events; a client that goes away cancels the call."""

    def __init__(self, frames: AsyncIterator[bytes], call: Any, headers: Mapping[str, str]) -> None:
        self._frames = frames
        self._call = call
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {**sse.HEADERS, "content-type": sse.MEDIA_TYPE, **self._headers}
        start = Response(headers=headers)
        del start.headers["content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": start.raw_headers})
        try:
            await unless_gone(receive, self._write(send))
        except Failure:
            # Nobody is there to be told.
            self._call.cancel()

    async def _write(self, send: Send) -> None:
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _first(call: Any, exchange: Exchange) -> ChatEvent:
    """The first event; a call that ends without one is a fault of ours."""
    event = await call.read()
    if event is grpc.aio.EOF:
        raise internal(exchange.request_id)
    return event  # type: ignore[no-any-return]


async def events_of(call: Any, first: ChatEvent, request_id: str) -> AsyncIterator[ChatEvent]:
    """The events, `done` the last. Fails with what `error` tells, and where neither comes."""
    last: ChatEvent = first
    event: Any = first
    while event is not grpc.aio.EOF:
        if event.HasField("error"):
            raise _failure(event.error)
        yield event
        last, event = event, await call.read()
    if not last.HasField("done"):
        raise internal(request_id)


async def _finished(events: AsyncIterator[ChatEvent]) -> turn_pb2.Turn:
    """The turn of the last event. Fails as the events do."""
    return [event async for event in events][-1].done.turn


def _failure(error: error_pb2.Error) -> Failure:
    if error.code == grpc.StatusCode.CANCELLED.value[0]:
        return cancelled()
    return Failure(
        _CODES.get(error.code, grpc.StatusCode.UNKNOWN),
        error.info.reason,
        error.message,
        metadata=error.info.metadata,
    )


def _wants_stream(exchange: Exchange) -> bool:
    accepted = exchange.headers.get(b"accept", b"").decode("latin-1").lower()
    return any(part.partition(";")[0].strip() == sse.MEDIA_TYPE for part in accepted.split(","))
