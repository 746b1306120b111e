"""Server-sent events: frames, and connections that are never waited for."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest
from starlette.types import Message

from gateway.realtime import sse
from gateway.realtime.feeds import encode
from gateway.realtime.outlet import Outlet
from services.chassis.data.streams import Cursor, Reset, StreamEvent


def test_a_frame_is_id_event_and_data() -> None:
    assert (
        sse.frame(b'{"a":1}', event="order", cursor="3-17")
        == b'id: 3-17\nevent: order\ndata: {"a":1}\n\n'
    )
    assert sse.frame(b"{}") == b"data: {}\n\n"
    assert sse.retry(1000) == b"retry: 1000\n\n"
    assert sse.position("3-17") == b"id: 3-17\n\n"
    assert sse.HEARTBEAT.startswith(b":")


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_nothing_breaks_out_of_its_line(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        sse.frame(b"{}", event=text)
    with pytest.raises(ValueError, match="line"):
        sse.frame(text.replace("\0", "\n").encode())


def test_an_event_is_named_by_its_type() -> None:
    event = StreamEvent(Cursor(3, 17), UUID(int=1), "gst_1", "maitred.order.v1", b'{"id":"evt_1"}')
    assert encode(event) == b'id: 3-17\nevent: order\ndata: {"id":"evt_1"}\n\n'


def test_a_reset_moves_the_position() -> None:
    assert encode(Reset(Cursor(3, 9))) == b'id: 3-9\nevent: reset\ndata: {"cursor":"3-9"}\n\n'


class Client:
    """A server's send for a client that reads, or does not."""

    def __init__(self) -> None:
        self.body = b""
        self.sends = 0
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, message: Message) -> None:
        self.sends += 1
        await self.reading.wait()
        self.body += message["body"]

    def outlet(self, most_bytes: int = 100) -> Outlet:
        return Outlet(self.send, most_bytes, b"cut off")


async def test_a_client_that_reads_is_written_to_at_once() -> None:
    client = Client()
    outlet = client.outlet()
    outlet.write(b"a")
    outlet.write(b"b")
    assert client.body == b"ab"
    assert await outlet.flush(0)


async def test_what_comes_meanwhile_is_kept_and_written_in_order() -> None:
    client = Client()
    outlet = client.outlet()
    client.reading.clear()
    for piece in (b"a", b"b", b"c"):
        outlet.write(piece)
    assert client.body == b""
    assert not await outlet.flush(0)
    client.reading.set()
    assert await outlet.flush(1)
    outlet.write(b"d")
    assert client.body == b"abcd"
    assert client.sends == 3  # what was kept goes out in one


async def test_a_client_that_does_not_read_is_cut_off_with_a_reason() -> None:
    client = Client()
    outlet = client.outlet(most_bytes=10)
    client.reading.clear()
    for _ in range(20):
        outlet.write(b"12345")
    assert outlet.is_closed
    client.reading.set()
    assert await outlet.flush(1)
    assert client.body == b"12345cut off"


async def test_last_words_come_last() -> None:
    client = Client()
    outlet = client.outlet()
    outlet.write(b"a")
    outlet.close(b"bye")
    outlet.write(b"too late")
    await outlet.closed()
    assert client.body == b"abye"


async def test_a_client_that_has_gone_holds_nothing() -> None:
    client = Client()
    outlet = client.outlet()
    client.reading.clear()
    outlet.write(b"a")
    outlet.abandon()
    assert await outlet.flush(1)
    assert outlet.is_closed
    assert client.body == b""


def test_the_data_of_a_reset_is_json() -> None:
    frame = encode(Reset(Cursor(0, 1))).decode()
    assert json.loads(frame.split("data: ")[1]) == {"cursor": "0-1"}
