"""Bare Starlette that fans events out as a first draft does, in a process of its own.

It reads the same stream as the gateway. For every event, every connection gets a task that encodes
the frame and sends it. It knows nobody, resumes nothing and cuts nobody off. Prints its port,
serves until its standard input ends.
"""

import asyncio
import sys
from typing import Any

import redis.asyncio
import uvloop
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.chassis.data.streams import stream_key
from tests.bench.processes import serve_app


class Connections:
    """All that look at one stream."""

    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key
        self._sends: set[Send] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        self._sends.add(send)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._sends.discard(send)

    async def run(self) -> None:
        last = "0-0"
        while True:
            for _, entries in await self._client.xread({self._key: last}, block=1000):
                for entry_id, fields in entries:
                    last = entry_id
                    tasks = [
                        asyncio.create_task(self._send(send, entry_id, fields))
                        for send in self._sends
                    ]
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, send: Send, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        frame = f"id: {entry_id.decode()}\nevent: order\ndata: {fields[b'e'].decode()}\n\n"
        body = {"type": "http.response.body", "body": frame.encode(), "more_body": True}
        await send(body)


async def main(redis_url: str, partition: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        connections = Connections(client, stream_key(int(partition)))
        running = asyncio.create_task(connections.run())
        app = Starlette(routes=[Route("/api/v1/events", connections)])
        await serve_app(app)
        running.cancel()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
