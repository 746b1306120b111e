"""A client of the gateway's WebSockets, by the `websockets` library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from services.assembly.network import LOOPBACK

PATIENCE_S = 60.0


class Socket:
    """One open WebSocket; everything waits for `PATIENCE_S` at most."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, message_id: str = "", **fields: Any) -> None:
        """Sends a message."""
        await self.connection.send(json.dumps({"type": kind, "id": message_id, **fields}))

    async def hear(self) -> Mapping[str, Any]:
        """The next message but pings. ConnectionClosed at the end."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: Mapping[str, Any] = json.loads(await self.connection.recv())
                if message["type"] != "ping":
                    return message

    async def take(self, count: int) -> list[Mapping[str, Any]]:
        """The next so many messages but pings."""
        return [await self.hear() for _ in range(count)]

    async def subscribe(self, message_id: str, **fields: Any) -> Mapping[str, Any]:
        """Subscribes; what it is answered."""
        await self.say("subscribe", message_id, **fields)
        return await self.hear()

    async def end(self) -> tuple[int, str]:
        """Code and reason of the close; what comes before it is dropped."""
        try:
            while True:
                await self.hear()
        except ConnectionClosed as closed:
            close = closed.rcvd
        assert close is not None, "the connection was dropped, not closed"
        return close.code, close.reason


@asynccontextmanager
async def socket(
    url: str,
    path: str = "/ws",
    credential: str = "",
    *,
    max_queue: int = 64,
    address: str = LOOPBACK,
    **headers: str,
) -> AsyncIterator[Socket]:
    """A WebSocket to the gateway at an `http` URL, with a bearer credential or none.

    It comes from this address, and reads ahead of the test by `max_queue` messages.
    """
    if credential:
        headers["authorization"] = credential
    async with connect(
        f"{url.replace('http', 'ws', 1)}{path}",
        additional_headers=headers,
        # Sends none of its own, so that headers say all of where it comes from.
        origin=None,
        proxy=None,
        local_addr=(address, 0),
        max_queue=max_queue,
        ping_interval=None,
        open_timeout=PATIENCE_S,
    ) as connection:
        yield Socket(connection)
