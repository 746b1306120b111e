"""An ASGI application served in the process's own loop, from bind to drain.

Beside what ASGI has, a scope carries the `Wire` beneath it: who tells thousands of connections the
same thing writes it there, for a tenth of what the server's `send` takes.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from services.chassis.run.address import host_and_port

_BACKLOG = 2048
_WIRE = "maitred.wire"
# A WebSocket's client says little; a longer message ends it with 1009.
MOST_MESSAGE_BYTES = 4096


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

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]


class _WebSocket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = Wire(self.transport, self.writable.wait, self.loop.time())

    def data_received(self, data: bytes) -> None:
        self._wire.heard = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[_WIRE] = self._wire

    def shutdown(self) -> None:
        # The application ends it: it knows what to say.
        if not self.handshake_complete:
            super().shutdown()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
