"""Server-sent events: frames, and connections that are never waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from gateway.realtime import connections, sse
from gateway.realtime.connections import (
    DRAINING,
    SILENCE_S,
    SILENT,
    SLOW_READER,
    UNAUTHENTICATED,
    Kind,
)
from gateway.realtime.sse import encode
from services.chassis.data.streams import Cursor, Reset, StreamEvent
from tests.support.wires import Reader, open_connection


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


async def test_a_client_that_reads_is_written_to_at_once() -> None:
    connection, client = open_connection()
    assert connection.write(b"a")
    assert connection.write(b"b")
    assert client.received == b"ab"
    assert await connection.drained(0)


async def test_a_client_that_does_not_read_is_cut_off_with_a_reason() -> None:
    connection, client = open_connection(most_bytes=10)
    client.stop()
    for _ in range(20):
        connection.write(b"12345")
    assert connection.ending is SLOW_READER
    assert not await connection.drained(0)
    closing = asyncio.create_task(connection.close(b"cut off", noted(client)))
    client.go_on()
    await closing
    assert client.received == b"12345" * 3 + b"cut off" + b"closed"


async def test_a_client_that_never_reads_again_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LAST_WORDS_S", 0.01)
    connection, client = open_connection(most_bytes=10)
    client.stop()
    await connection.close(b"cut off", noted(client))
    assert client.is_aborted
    assert client.received == b""


async def test_an_ended_connection_is_attended_no_longer_and_written_to_no_more() -> None:
    connection, client = open_connection()
    attending = asyncio.create_task(connection.attend(asyncio.Event().wait()))
    await asyncio.sleep(0)
    connection.end(DRAINING)
    connection.end(SLOW_READER)
    await attending
    assert connection.ending is DRAINING
    assert not connection.write(b"too late")
    assert client.received == b""


@pytest.mark.parametrize("is_attended", [False, True])
async def test_a_connection_lasts_no_longer_than_its_credential(is_attended: bool) -> None:
    connection, _ = open_connection()
    attending = None
    if is_attended:
        attending = asyncio.create_task(connection.attend(asyncio.Event().wait()))
        await asyncio.sleep(0)
    connection.expire_in(0.01)
    await (attending or connection.attend(asyncio.Event().wait()))
    assert connection.ending is UNAUTHENTICATED


async def test_a_new_credential_lengthens_a_connection() -> None:
    connection, _ = open_connection()
    told = asyncio.Event()
    attending = asyncio.create_task(connection.attend(told.wait()))
    await asyncio.sleep(0)
    connection.expire_in(0.01)
    connection.expire_in(None)
    await asyncio.sleep(0.02)
    assert not attending.done()
    told.set()
    await attending
    assert connection.ending is None


@pytest.mark.parametrize("is_attended", [False, True])
async def test_no_credential_lengthens_a_connection_that_is_ended(is_attended: bool) -> None:
    connection, _ = open_connection()

    async def renew() -> None:
        if is_attended:
            connection.end(DRAINING)
        connection.expire_in(3600.0)
        await asyncio.Event().wait()

    if not is_attended:
        connection.end(DRAINING)
        connection.expire_in(None)
    async with asyncio.timeout(5):
        await connection.attend(renew())
    assert connection.ending is DRAINING


async def test_a_client_that_has_gone_is_written_to_no_more() -> None:
    connection, client = open_connection()
    client.abort()
    assert not connection.write(b"a")
    assert client.received == b""


async def test_a_websocket_whose_client_is_silent_is_ended() -> None:
    connection, client = open_connection(Kind.WEBSOCKET)
    now = asyncio.get_running_loop().time()
    connection.beat(now)
    assert (client.received, connection.ending) == (b"beat", None)
    connection.beat(now + SILENCE_S + 1)
    assert connection.ending is SILENT


def noted(client: Reader) -> Callable[[], Awaitable[None]]:
    """A closing that the client sees."""

    async def closing() -> None:
        client.write(b"closed")

    return closing


def test_the_data_of_a_reset_is_json() -> None:
    frame = encode(Reset(Cursor(0, 1))).decode()
    assert json.loads(frame.split("data: ")[1]) == {"cursor": "0-1"}
