"""HTTP and WebSockets with clients that mean no good, or have gone without a word."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from services.chassis.run import http
from services.chassis.run.http import (
    FRAMES_AT_ONCE,
    MOST_HEAD_BYTES,
    MOST_MESSAGE_BYTES,
    HttpServer,
    wire_of,
)

PATIENCE_S = 60.0
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TEXT, CONTINUATION, PING, PONG = 0x1, 0x0, 0x9, 0xA


@dataclass(slots=True)
class App:
    """Reads a request's body and answers with its length; counts what WebSockets say."""

    port: int = 0
    options: list[tuple[int, int]] = field(default_factory=list)
    said: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._listen(scope, receive, send)
            return
        if scope["path"] != "/hasty":
            size = await _size(receive)
        else:
            size = 0
        if scope["path"] == "/slow":
            await asyncio.sleep(3 * http.HEAD_S)
        self.options.append(options_of(scope))
        head = [(b"content-length", str(len(str(size))).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": str(size).encode()})

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            self.said += 1
        self.ended.set()


async def _size(receive: Receive) -> int:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return size
        size += len(message["body"])
        more = message["more_body"]
    return size


def options_of(scope: Any) -> tuple[int, int]:
    """What the kernel was told of the connection: no delay, and when it is given up."""
    beneath: socket.socket = wire_of(scope).transport.get_extra_info("socket")
    delay = beneath.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    if sys.platform != "linux":
        return delay, 0
    return delay, beneath.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


@pytest_asyncio.fixture
async def app() -> AsyncIterator[App]:
    served = App()
    server = HttpServer(served, "127.0.0.1:0", grace_s=1)
    server.bind()
    served.port = server.port
    serving = asyncio.create_task(server.serve())
    yield served
    server.drain()
    await serving


class Client:
    """A raw connection; what it reads ends within `PATIENCE_S`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, *data: bytes) -> None:
        """Sends, for as long as it is taken."""
        try:
            for one in data:
                self._writer.write(one)
                await self._writer.drain()
        except ConnectionError:
            pass

    async def answer(self) -> bytes:
        """An answer of the application, whole."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            return head + await self._reader.readexactly(1)

    async def head(self) -> bytes:
        """The head of an answer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        found = b""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while data := await self._reader.read(65_536):
                    found += data
            except ConnectionError:
                pass
        return found


@asynccontextmanager
async def client(app: App) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """A client's frame, masked with nothing."""
    head = bytes((opcode | (0x80 if is_last else 0), 0x80 | min(len(payload), 126)))
    if len(payload) > 125:
        head += len(payload).to_bytes(2)
    return head + bytes(4) + payload


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads may take a moment."""
    monkeypatch.setattr(http, "HEAD_S", 0.3)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: 1", b"HTTP/1.1 408 "),
        (b"\r\n", b""),
    ],
)
async def test_a_head_that_does_not_end_is_not_waited_for(
    app: App, said: bytes, told: bytes
) -> None:
    async with client(app) as slow:
        await slow.say(said)
        assert (await slow.rest())[: len(told) or None] == told


@pytest.mark.usefixtures("hurry")
async def test_a_head_that_comes_by_letters_is_not_waited_for_either(app: App) -> None:
    async with client(app) as slow:
        dripping = asyncio.create_task(drip(slow, b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 1000))
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()


async def drip(slow: Client, data: bytes) -> None:
    for byte in data:
        await slow.say(bytes((byte,)))
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("hurry")
async def test_a_connection_is_kept_between_requests_for_longer_than_a_head_may_take(
    app: App,
) -> None:
    async with client(app) as patient:
        for _ in range(3):
            await patient.say(GET[:10])
            await patient.say(GET[10:])
            assert (await patient.answer()).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(2 * http.HEAD_S)


@pytest.mark.usefixtures("hurry")
async def test_a_body_may_take_longer_than_a_head(app: App) -> None:
    async with client(app) as slow:
        await slow.say(POST + b"content-length: 2\r\n\r\na")
        await asyncio.sleep(2 * http.HEAD_S)
        await slow.say(b"b")
        assert (await slow.answer()).endswith(b"\r\n\r\n2")


@pytest.mark.usefixtures("hurry")
async def test_an_answer_may_take_longer_than_a_head(app: App) -> None:
    async with client(app) as one:
        await one.say(GET.replace(b"/", b"/slow", 1))
        assert (await one.answer()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("hurry")
async def test_a_websocket_lasts_longer_than_a_head(app: App) -> None:
    async with talking(app) as one:
        await asyncio.sleep(3 * http.HEAD_S)
        await one.say(frame(PING), frame(0x8, b"\x03\xe8"))
        assert await one.rest() == b"\x8a\x00" + b"\x88\x02\x03\xe8"


@pytest.mark.usefixtures("hurry")
async def test_what_is_left_of_a_body_after_its_answer_is_not_waited_for(app: App) -> None:
    async with client(app) as slow:
        await slow.say(POST.replace(b"/", b"/hasty", 1) + b"content-length: 99999\r\n\r\n")
        await slow.answer()
        dripping = asyncio.create_task(drip(slow, b"x" * 1000))
        assert await slow.rest() == b""
        dripping.cancel()


@pytest.mark.parametrize(
    "said",
    [
        b"GET /" + b"a" * 2 * MOST_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nx-long: " + b"a" * 2 * MOST_HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * MOST_HEAD_BYTES,
        b"\r\n" * MOST_HEAD_BYTES,
        POST + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * MOST_HEAD_BYTES,
        POST + b"transfer-encoding: chunked\r\n\r\n1;" + b"a" * 2 * MOST_HEAD_BYTES,
    ],
    ids=["path", "header", "headers", "nothing", "trailers", "extension"],
)
async def test_a_head_is_bounded_and_all_that_surrounds_a_body(app: App, said: bytes) -> None:
    async with client(app) as talker:
        await talker.say(said)
        assert (await talker.rest()).startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_in_small_chunks_is_no_large_head(app: App) -> None:
    async with client(app) as one:
        await one.say(POST + b"transfer-encoding: chunked\r\n\r\n")
        await one.say(*[b"1\r\na\r\n" * 1000] * 100, b"0\r\n\r\n")
        assert (await one.head()).startswith(b"HTTP/1.1 200 ")


async def test_the_kernel_gives_up_who_has_gone_without_a_word(app: App) -> None:
    async with client(app) as one:
        await one.say(GET)
        await one.answer()
    assert app.options == [(1, 90_000 if sys.platform == "linux" else 0)]


@asynccontextmanager
async def talking(app: App) -> AsyncIterator[Client]:
    async with client(app) as one:
        await one.say(HANDSHAKE + b"\r\n")
        assert (await one.head()).startswith(b"HTTP/1.1 101 ")
        yield one


@pytest.mark.parametrize(
    "flood",
    [
        frame(PING),
        frame(PONG),
        frame(TEXT, b"{}"),
        frame(CONTINUATION, is_last=False),
    ],
    ids=["pings", "pongs", "texts", "empty fragments"],
)
async def test_who_floods_with_frames_is_sent_away(app: App, flood: bytes) -> None:
    async with talking(app) as hostile:
        begin = frame(TEXT, b"{", is_last=False) if flood[0] == CONTINUATION else b""
        await hostile.say(begin + flood * 20 * FRAMES_AT_ONCE)
        assert (await hostile.rest()).endswith(b"\x88\x0e\x03\xf5RATE_LIMITED")
        async with asyncio.timeout(PATIENCE_S):
            await app.ended.wait()
    # More are allowed as time passes; a machine that does something else lets it pass.
    assert app.said < 10 * FRAMES_AT_ONCE


async def test_a_message_in_parts_is_one_with_pings_between(app: App) -> None:
    async with talking(app) as fair:
        await fair.say(frame(TEXT, b"{", is_last=False), frame(PING, b"1"))
        await fair.say(frame(CONTINUATION, b"}"), frame(0x8, b"\x03\xe8"))
        assert await fair.rest() == b"\x8a\x011" + b"\x88\x02\x03\xe8"
    assert app.said == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x81\xff" + (2**62).to_bytes(8), 1009),
        (b"\x81\xfe" + (MOST_MESSAGE_BYTES + 1).to_bytes(2), 1009),
        (frame(TEXT, bytes(3000), is_last=False) + frame(CONTINUATION, bytes(3000)), 1009),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (b"\x81\x00", 1002),
        (frame(PING, bytes(126)), 1002),
        (frame(PING, is_last=False), 1002),
        (frame(CONTINUATION, b"a"), 1002),
        (frame(0x3), 1002),
        (b"\xc1\x80" + bytes(4), 1002),
    ],
    ids=[
        "endless", "large", "large in parts", "no text", "not masked", "large ping",
        "ping in parts", "part of nothing", "unknown", "reserved bit",
    ],
)  # fmt: skip
async def test_frames_against_the_protocol_end_the_connection(
    app: App, said: bytes, code: int
) -> None:
    async with talking(app) as hostile:
        await hostile.say(said)
        end = await hostile.rest()
    assert (end[0], int.from_bytes(end[2:4])) == (0x88, code)
    assert app.said == 0


@pytest.mark.parametrize(
    "extra", [b"x: y\r\n" * 200, b"x: " + b"a" * 10_000 + b"\r\n"], ids=["many", "long"]
)
async def test_a_handshake_that_is_none_is_refused(app: App, extra: bytes) -> None:
    async with client(app) as one:
        await one.say(HANDSHAKE + extra + b"\r\n")
        assert (await one.rest()).startswith(b"HTTP/1.1 400 ")
