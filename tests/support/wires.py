"""Connections whose other end is in the test."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from gateway.realtime.connections import MOST_KEPT_BYTES, Connection, Kind
from services.chassis.run.http import Wire


class Reader(asyncio.Transport):
    """A client that reads what it is sent at once, or once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.is_aborted = False
        self._kept = b""
        self._reading = asyncio.Event()
        self._reading.set()
        self._news = asyncio.Event()

    async def until(self, part: bytes) -> None:
        """Returns once it has received this."""
        while part not in self.received:
            self._news.clear()
            await self._news.wait()

    def stop(self) -> None:
        """Reads nothing more."""
        self._reading.clear()

    def go_on(self) -> None:
        """Reads what was kept, and what comes."""
        self._reading.set()
        kept, self._kept = self._kept, b""
        self.write(kept)

    async def drained(self) -> None:
        """As the server's flow control."""
        await self._reading.wait()

    def write(self, data: Any) -> None:
        if self._reading.is_set():
            self.received += data
            self._news.set()
        else:
            self._kept += data

    def get_write_buffer_size(self) -> int:
        return len(self._kept)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def open_connection(
    kind: Kind = Kind.SSE, most_bytes: int = MOST_KEPT_BYTES
) -> tuple[Connection, Reader]:
    """A connection, and its client."""
    client = Reader()
    wire = Wire(client, client.drained, asyncio.get_running_loop().time())
    return Connection(kind, uuid4(), datetime.now(UTC), wire, b"beat", most_bytes), client
