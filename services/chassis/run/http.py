"""An ASGI application served in the process's own loop, from bind to drain.

No client is waited for without end: who does not finish a request's head, or sends one without
bounds, is sent away, as is who floods a WebSocket with frames. The application bounds bodies.

Beside what ASGI has, a scope carries the `Wire` beneath it: who tells thousands of connections the
same thing writes it there, for a tenth of what the server's `send` takes.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from services.chassis.run.address import host_and_port
from services.chassis.run.allowance import Allowance

_BACKLOG = 2048
_WIRE = "maitred.wire"
# A WebSocket's client says little; a longer message ends it with 1009.
MOST_MESSAGE_BYTES = 4096
# Seconds a request's head may take, from the connection or the head's first byte.
HEAD_S = 10.0
# A head, with all that surrounds a body: each byte of a body pays for some of it, as of its chunks.
MOST_HEAD_BYTES = 64 * 1024
_FRAMING = 8
# Frames of a WebSocket's client: messages come in several, pings and pongs are some too.
FRAMES_PER_S = 50.0
FRAMES_AT_ONCE = 250
# After what is sent has gone unheard for so long its client is gone: half-open connections end.
_UNHEARD_MS = 90_000
_TOO_LATE = b"408 Request Timeout"
_TOO_LARGE = b"431 Request Header Fields Too Large"
_BAD = b"400 Bad Request"
_REFUSAL = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True, eq=False)
class Wire:
    """The connection beneath a response or a WebSocket, once its head was sent.

    Attributes:
        transport: takes bytes as they go over the wire: chunks of a response, frames.
        drained: returns once the client has read most of what was written.
        heard: when the client of a WebSocket last sent anything, by the loop's clock.
    """

    transport: asyncio.Transport
    drained: Callable[[], Awaitable[object]]
    heard: float = 0.0


def wire_of(scope: MutableMapping[str, Any]) -> Wire:
    """The wire of a scope that `HttpServer` made."""
    wire: Wire = scope["extensions"][_WIRE]
    return wire


class HttpServer:
    """One application at one address. The process, not uvicorn, hears the signals."""

    def __init__(
        self, app: ASGIApp, listen: str, grace_s: float, *, share_port: bool = False
    ) -> None:
        self._listen = listen
        self._share_port = share_port
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Http,
                ws=_WebSocket,
                ws_max_size=MOST_MESSAGE_BYTES,
                # The application pings, all its connections by one timer.
                ws_ping_interval=None,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                # Longer than most clients keep an idle connection, so that it is they who close.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, round(grace_s)),
            )
        )
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port bound."""
        return int(self._socket.getsockname()[1]) if self._socket else 0

    def bind(self) -> None:
        """Takes the address; connections queue until `serve`. OSError if it is taken."""
        host, port = host_and_port(self._listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, reuse_port=self._share_port
        )
        # Connections inherit it; without, a body written after its head waits 40 ms for an ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)

    async def serve(self) -> None:
        """Serves until `drain`, and then until what is in flight is answered or cut off."""
        assert self._socket is not None  # noqa: S101 - bind comes first
        await self._server.serve(sockets=[self._socket])

    def leave(self) -> None:
        """Ends each connection with its next answer, so that clients find another replica."""
        close = (b"connection", b"close")
        # The one is what answers carry now, the other what uvicorn makes it of every second.
        self._server.server_state.default_headers.append(close)
        self._server.config.encoded_headers.append(close)

    def drain(self) -> None:
        """Accepts no more; `serve` returns once all is answered or the grace is over."""
        self._server.should_exit = True


class _Http(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions = {_WIRE: Wire(transport, self.flow.drain)}
        self._is_heading = False
        self._undelivered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._await_client()

    def data_received(self, data: bytes) -> None:
        self._undelivered += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._undelivered > MOST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._is_heading or not self._is_answering():
            # uvicorn waits for the end of a head, and of what is left of a body, for ever.
            self._await_client()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_heading = True
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        self._is_heading = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._undelivered = max(0, self._undelivered - _FRAMING * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._undelivered = 0
        super().on_message_complete()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_client(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_answering():
            # A head behind a request that is not answered yet: nobody reads it now.
            self._await_client()
        elif self._is_heading:
            self._refuse(_TOO_LATE)
        else:
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        if not (self._is_answering() and self.cycle.response_started):
            self.transport.write(_REFUSAL % status)
        self.transport.close()


class _WebSocket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = Wire(self.transport, self.writable.wait, self.loop.time())
        self._frames = Allowance(FRAMES_PER_S, FRAMES_AT_ONCE, self.loop.time)

    def data_received(self, data: bytes) -> None:
        self._wire.heard = self.loop.time()
        # In parts, since all frames of one are parsed at once, and a frame may have six bytes.
        for begin in range(0, len(data), MOST_MESSAGE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[begin : begin + MOST_MESSAGE_BYTES])
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # A handshake that was HTTP and yet is none: uvicorn would leave it without an answer.
            self.transport.write(_REFUSAL % _BAD)
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[_WIRE] = self._wire

    def handle_cont(self, event: Frame) -> None:
        if self._may_say():
            super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        if self._may_say():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if self._may_say():
            super().handle_bytes(event)

    def handle_ping(self) -> None:
        if self._may_say():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._may_say():
            super().handle_pong(event)

    def _may_say(self) -> bool:
        """Counts a frame; ends the connection if it is one too many."""
        if self._frames.take():
            return True
        if not self.close_sent:
            self.conn.fail(1013, "RATE_LIMITED")
            if self.conn.close_sent is None:
                self.transport.abort()
            else:
                self.handle_parser_exception()
        return False

    def shutdown(self) -> None:
        # The application ends it: it knows what to say.
        if not self.handshake_complete:
            super().shutdown()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
