"""An ASGI application served in the process's own loop, from bind to drain."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from services.chassis.run.address import host_and_port

_BACKLOG = 2048


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
                http="httptools",
                ws="none",
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


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
