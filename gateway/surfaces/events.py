"""`GET /api/v1/events`: a tenant's events as they happen, from where the client left off.

Staff see all of the tenant's, guests their own. `Last-Event-ID`, or `?cursor=`, resumes without gap
or repeat; where what follows it is no longer kept, `reset` says so. A comment every 15 s shows that
the stream lives. A client that reads too slowly is cut off with a last event `cutoff`.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from gateway.exchange import Answer, Exchange
from gateway.identity.authenticator import Authenticator, Caller
from gateway.realtime import sse
from gateway.realtime.feeds import Feeds
from gateway.realtime.outlet import Outlet
from gateway.surfaces.disconnects import gone
from gateway.transcoding.decoding import MalformedParameter
from services.chassis.data.outbox import partition_of
from services.chassis.data.streams import Cursor
from services.chassis.rpc.errors import Failure, invalid

PATH = "/api/v1/events"
RETRY_MS = 1000
_MOST_KEPT_BYTES = 256 * 1024
_LAST_WORDS_S = 5.0
_CUT_OFF = sse.frame(
    json.dumps(
        {"reason": "SLOW_READER", "detail": "Read too slowly; come back with the last id."},
        separators=(",", ":"),
    ).encode(),
    event="cutoff",
)
_HEADERS = [
    (b"content-type", sse.MEDIA_TYPE.encode()),
    *((name.encode(), value.encode()) for name, value in sse.HEADERS.items()),
]


class Events:
    """The endpoint of the events."""

    def __init__(self, feeds: Feeds, authenticator: Authenticator) -> None:
        self._feeds = feeds
        self._authenticator = authenticator

    async def answer(self, exchange: Exchange) -> Answer:
        """A stream of events. Fails with INVALID_ARGUMENT (CURSOR_INVALID)."""
        caller = exchange.known_caller()
        return _EventStream(self._feeds, self._authenticator, caller, _position(exchange, caller))

    async def drain(self) -> None:
        """Ends all streams, and has their clients come back elsewhere."""
        self._feeds.close(sse.retry(RETRY_MS))


class _EventStream:
    """One client's stream."""

    def __init__(
        self, feeds: Feeds, authenticator: Authenticator, caller: Caller, after: Cursor | None
    ) -> None:
        self._feeds = feeds
        self._authenticator = authenticator
        self._caller = caller
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A client that is answered may count on what comes from now on.
        await self._feeds.settle()
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        if scope["method"] != "HEAD":
            await self._stream(receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, receive: Receive, send: Send) -> None:
        outlet = Outlet(send, _MOST_KEPT_BYTES, _CUT_OFF)
        outlet.write(sse.retry(RETRY_MS))
        leaving = asyncio.create_task(_abandoned(receive, outlet))
        try:
            await self._feeds.follow(self._caller.principal, self._after, outlet, self._check)
            await outlet.flush(_LAST_WORDS_S)
        finally:
            outlet.abandon()
            leaving.cancel()

    async def _check(self) -> None:
        await self._authenticator.caller(self._caller.credential)


async def _abandoned(receive: Receive, outlet: Outlet) -> None:
    await gone(receive)
    outlet.abandon()


def _position(exchange: Exchange, caller: Caller) -> Cursor | None:
    """Where the client left off: its header, which browsers send when they come back, wins."""
    pairs = dict(parse_qsl(exchange.query, keep_blank_values=True))
    unknown = pairs.keys() - {"cursor"}
    if unknown:
        raise MalformedParameter("unknown parameter", min(unknown))
    header = exchange.headers.get(b"last-event-id", b"").decode("latin-1")
    text = header or pairs.get("cursor", "")
    if not text:
        return None
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        raise _not_ours(text) from None
    if cursor.partition != partition_of(caller.principal.tenant_id):
        raise _not_ours(text)
    return cursor


def _not_ours(text: str) -> Failure:
    shown = text[:64]
    return invalid("CURSOR_INVALID", f"{shown} is no position of these events.", cursor=shown)
