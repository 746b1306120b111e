"""The admin port: `/metrics` for Prometheus, `/healthz` for people and probes.

Never on the public port. `/healthz` answers 200 while every part of the process takes calls and
503 otherwise, with `{"parts": {"orders": true}}` either way. It is HTTP/1.1, GET, one request a
connection: all that a scrape needs, at no cost to processes that serve no other HTTP.
"""

import asyncio
import json
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.chassis.run.address import host_and_port

_READ_TIMEOUT_S = 5.0
_MOST_HEADER_BYTES = 16 * 1024

_Answer = tuple[str, str, bytes]
_NOT_FOUND: _Answer = ("404 Not Found", "text/plain", b"/metrics and /healthz are here\n")


class AdminServer:
    """Serves both paths at `listen` until closed.

    Args:
        listen: `host:port`; port 0 takes a free one.
        registry: what `/metrics` shows.
        parts: whether each part of the process takes calls, asked per request.
    """

    def __init__(
        self, listen: str, registry: CollectorRegistry, parts: Callable[[], Mapping[str, bool]]
    ) -> None:
        self.port = 0
        self._listen = listen
        self._registry = registry
        self._parts = parts

    async def start(self) -> None:
        """Binds and serves. OSError if the address is taken."""
        host, port = host_and_port(self._listen)
        self._server = await asyncio.start_server(self._serve, host, port, limit=_MOST_HEADER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stops at once: a scrape is asked again."""
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            status, content_type, body = self._answer(head)
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (
            TimeoutError,
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            pass  # whoever asked is gone, or never asked
        finally:
            writer.close()

    def _answer(self, head: bytes) -> _Answer:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in {b"GET", b"HEAD"}:
            return "405 Method Not Allowed", "text/plain", b""
        if path == b"/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == b"/healthz":
            parts = dict(self._parts())
            status = "200 OK" if all(parts.values()) else "503 Service Unavailable"
            return status, "application/json", json.dumps({"parts": parts}).encode()
        return _NOT_FOUND
