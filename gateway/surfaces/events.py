"""`GET /api/v1/events`: a tenant's events as they happen, from where the client left off.

Staff see all of the tenant's, guests their own; `?types=maitred.order.v1`, given more than once if
need be, leaves out others. `Last-Event-ID`, or `?cursor=`, resumes without gap or repeat; where
what follows it is no longer kept, `reset` says so. A comment every 15 s shows that the stream
lives. A client that reads too slowly is cut off with a last event `cutoff`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.exchange import Answer, Exchange
from gateway.identity.authenticator import Authenticator, Caller
from gateway.realtime import sse
from gateway.realtime.connections import (
    DRAINING,
    SLOW_READER,
    Connection,
    Connections,
    Ending,
    Kind,
)
from gateway.realtime.feeds import TYPE, Feeds, Viewer
from gateway.realtime.positions import position_of
from gateway.surfaces.disconnects import gone
from gateway.transcoding.decoding import MalformedParameter
from services.chassis.data.ids import IdFactory
from services.chassis.data.streams import Cursor
from services.chassis.rpc.identity import Principal
from services.chassis.run.http import wire_of

PATH = "/api/v1/events"
RETRY_MS = 1000
_HEARTBEAT = sse.chunk(sse.HEARTBEAT)
_RETRY = sse.chunk(sse.retry(RETRY_MS))
_CUT_OFF = sse.frame(
    json.dumps(
        {"reason": SLOW_READER.reason, "detail": "Read too slowly; come back with the last id."},
        separators=(",", ":"),
    ).encode(),
    event="cutoff",
)
# Clients that must leave are told when to come back.
_LAST_WORDS: Mapping[Ending, bytes] = {SLOW_READER: sse.chunk(_CUT_OFF), DRAINING: _RETRY}
_FORM = sse.StreamForm()
_HEADERS = [
    (b"content-type", sse.MEDIA_TYPE.encode()),
    *((name.encode(), value.encode()) for name, value in sse.HEADERS.items()),
]


class Events:
    """The endpoint of the events."""

    def __init__(
        self,
        feeds: Feeds,
        connections: Connections,
        authenticator: Authenticator,
        ids: IdFactory,
        clock: Callable[[], datetime],
    ) -> None:
        self._feeds = feeds
        self._connections = connections
        self._authenticator = authenticator
        self._ids = ids
        self._clock = clock

    async def answer(self, exchange: Exchange) -> Answer:
        """A stream of events.

        Fails with INVALID_ARGUMENT (CURSOR_INVALID), RESOURCE_EXHAUSTED (CONNECTION_LIMIT).
        """
        caller = exchange.known_caller()
        asked = _asked(exchange, caller)
        # A client that is answered may count on what comes from now on.
        await self._feeds.settle()
        self._connections.check_room()
        self._connections.check_room_of(caller.principal, exchange.neighbours)

        async def stream(scope: Scope, receive: Receive, send: Send) -> None:
            await self._stream(exchange, asked, scope, receive, send)

        return stream

    async def _stream(
        self, exchange: Exchange, asked: _Asked, scope: Scope, receive: Receive, send: Send
    ) -> None:
        caller = exchange.known_caller()
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})

        async def end() -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        if scope["method"] == "HEAD":
            await end()
            return
        connection = Connection(
            Kind.SSE,
            self._ids.new(),
            self._clock(),
            wire_of(scope),
            _HEARTBEAT,
            neighbours=exchange.neighbours,
        )
        connection.write(_RETRY)
        with self._connections.holding(connection):
            self._connections.identify(
                connection, caller, lambda: self._authenticator.caller(caller.credential)
            )
            viewer = _viewer(caller.principal, connection, asked)
            self._feeds.enter(viewer)
            try:
                await connection.attend(gone(receive))
            finally:
                self._feeds.leave(viewer)
        if connection.ending is not None:
            await connection.close(_LAST_WORDS.get(connection.ending, b""), end)


@dataclass(frozen=True, slots=True)
class _Asked:
    """After which position, None for from now on, and which types of events, None for all."""

    after: Cursor | None
    types: frozenset[str] | None


def _viewer(principal: Principal, connection: Connection, asked: _Asked) -> Viewer:
    return Viewer(
        tenant_id=principal.tenant_id,
        only=principal.principal_id if principal.is_guest_only else None,
        types=asked.types,
        connection=connection,
        form=_FORM,
        seen=asked.after.seq if asked.after else None,
    )


def _asked(exchange: Exchange, caller: Caller) -> _Asked:
    pairs = parse_qsl(exchange.query, keep_blank_values=True)
    unknown = {name for name, _ in pairs} - {"cursor", "types"}
    if unknown:
        raise MalformedParameter("unknown parameter", min(unknown))
    types = frozenset(value for name, value in pairs if name == "types")
    if not all(map(TYPE.fullmatch, types)):
        raise MalformedParameter("must be types of events such as maitred.order.v1", "types")
    # Of where the client left off, its header, which browsers send when they come back, wins.
    header = exchange.headers.get(b"last-event-id", b"").decode("latin-1")
    text = header or dict(pairs).get("cursor", "")
    return _Asked(position_of(caller.principal, text) if text else None, types or None)
