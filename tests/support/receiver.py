"""A receiver of webhooks: a real server that answers as it is told and keeps what it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """What came: the request line, the headers in small letters, the body."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The event. WebhookVerificationError unless it is signed with the secret."""
        return Webhook(secret).verify(self.body, dict(self.headers))

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """The server.

    Attributes:
        url: where it is.
        answers: what it says next, one by one; the last one is said for ever. None says nothing.
        messages: what came.
        at_once: most requests it had at a time.
    """

    url: str
    answers: list[bytes | None] = field(default_factory=lambda: [OK])
    messages: list[Message] = field(default_factory=list)
    at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _now: int = 0

    def say(self, *answers: bytes | None) -> None:
        """What it says from now on."""
        self.answers = [*answers]

    def of(self, event_id: str) -> list[Message]:
        """What came of one event."""
        return [message for message in self.messages if message.id == event_id]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes one request."""
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                self.messages.append(await _read(reader))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self.gate.wait()
                if answer is None:
                    # Until the other side gives up.
                    await reader.read()
                else:
                    writer.write(answer)
                    await writer.drain()
        finally:
            self._now -= 1
            writer.close()


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    """An answer: `500 Internal Server Error`, headers as lines, a body."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Receiver]:
    """A receiver on a free port; `options` are those of asyncio's servers."""
    receiver = Receiver("")
    receiver.gate.set()
    server = await asyncio.start_server(receiver.take, host, 0, **options)
    scheme = "https" if options.get("ssl") else "http"
    receiver.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *lines = head.strip().split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (header.partition(": ") for header in lines)
    }
    body = await reader.readexactly(int(headers["content-length"]))
    return Message(line, headers, body)
