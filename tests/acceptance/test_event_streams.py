"""Event streams of the mesh as a browser's EventSource and a chat's reader take them."""

import asyncio
import os
import signal
from typing import Any
from uuid import uuid4

import httpx

from tests.support.mesh import RunningMesh, paused
from tests.support.people import answered, order, session, until_found
from tests.support.streams import Frame, frames, is_event, read_until

EVENTS = "/api/v1/events"
STREAM = {"accept": "text/event-stream"}


async def test_an_event_is_its_position_its_name_and_a_line_of_json(
    guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    async with guest.stream("GET", EVENTS) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store"
        placed = await order(guest)
        await staff.post(
            f"/api/v1/orders/{placed}:transition", json={"status": "ORDER_STATUS_ACCEPTED"}
        )
        read = await read_until(
            stream, lambda frame: is_event(frame) and frame.data["data"]["status"] == "accepted"
        )

    events = [frame for frame in read if is_event(frame)]
    assert [frame.names for frame in read].count(["retry"]) == 1
    assert read[0].names == ["retry"]
    for frame in events:
        assert frame.names == ["id", "event", "data"]
        assert frame.value("event") == "order"
        assert frame.data["type"] == "maitred.order.v1"
        assert frame.data["data"]["order_id"] == placed
    partitions, numbers = zip(*(frame.value("id").split("-") for frame in events), strict=True)
    assert len(set(partitions)) == 1
    assert list(map(int, numbers)) == sorted(map(int, numbers))


async def test_a_stream_shows_that_it_lives(guest: httpx.AsyncClient) -> None:
    async with guest.stream("GET", EVENTS) as stream, asyncio.timeout(60):
        *begun, heartbeat = await read_until(stream, lambda frame: "" in frame.names)

    assert [frame.names for frame in begun] == [["retry"], ["id"]]
    assert heartbeat == Frame((":",))


async def test_a_gateway_that_drains_ends_streams_cleanly_and_its_successor_goes_on(
    mesh: RunningMesh, guest: httpx.AsyncClient, staff: httpx.AsyncClient
) -> None:
    leaving = mesh.record.process("gateway")
    assert leaving.pid is not None
    async with staff.stream("GET", EVENTS) as stream:
        first = await order(guest)
        reading = frames(stream)
        while not is_event(heard := await anext(reading)):
            pass
        os.kill(leaving.pid, signal.SIGTERM)
        read = [frame async for frame in reading]
    await asyncio.to_thread(mesh.wait_until_back, leaving)
    second = await order(guest)
    async with staff.stream("GET", EVENTS, headers={"last-event-id": heard.value("id")}) as stream:
        *_, resumed = await read_until(stream, is_event)

    assert heard.data["data"]["order_id"] == first
    assert read[-1].names == ["retry"]
    assert resumed.data["data"]["order_id"] == second


async def test_a_dropped_answer_is_there_to_be_read(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    path = f"/api/v1/sessions/{await session(guest)}/messages"
    answered(await guest.post(path, json={"text": "a latte"}))

    request_id = await drop(mesh, guest, path, "yes, please")
    turn = await settled(guest, f"{path}/{request_id}")

    assert turn["order"]["lines"][0]["product_id"] == "latte"
    listed = answered(await guest.get("/api/v1/orders")).json()["orders"]
    assert [one["order_id"] for one in listed] == [turn["order"]["order_id"]]


async def test_an_answer_dropped_before_anything_came_of_it_is_given_when_asked_again(
    mesh: RunningMesh, guest: httpx.AsyncClient
) -> None:
    path = f"/api/v1/sessions/{await session(guest)}/messages"

    request_id = await drop(mesh, guest, path, "a latte")
    await settled(guest, f"{path}/{request_id}")
    again = answered(await guest.post(path, json={"text": "a latte", "request_id": request_id}))
    turns = answered(await guest.get(path)).json()["turns"]

    assert [line["product_id"] for line in again.json()["cart"]["lines"]] == ["latte"]
    assert [(turn["request_id"], turn["state"]) for turn in turns] == [
        (request_id, "TURN_STATE_FINISHED")
    ]


async def drop(mesh: RunningMesh, guest: httpx.AsyncClient, path: str, text: str) -> str:
    """Says something and loses the gateway before the answer; the key it was said under."""
    request_id = uuid4().hex
    said = {"text": text, "request_id": request_id}
    # With orders asleep the answer cannot end before its gateway.
    with paused(mesh, "orders"):
        streaming = asyncio.create_task(guest.post(path, json=said, headers=STREAM))
        await until_found(guest, f"{path}/{request_id}")
        await asyncio.to_thread(mesh.wait_until_back, mesh.kill("gateway"))
        (dropped,) = await asyncio.gather(streaming, return_exceptions=True)
    assert isinstance(dropped, httpx.TransportError)
    return request_id


async def settled(guest: httpx.AsyncClient, path: str) -> Any:
    """The turn at that path, once it runs no more."""
    async with asyncio.timeout(60):
        while True:
            turn = answered(await guest.get(path)).json()
            if turn["state"] != "TURN_STATE_RUNNING":
                return turn
            await asyncio.sleep(0.05)


async def test_events_of_a_chat_carry_no_positions(guest: httpx.AsyncClient) -> None:
    path = f"/api/v1/sessions/{await session(guest)}/messages"
    async with guest.stream("POST", path, json={"text": "a latte"}, headers=STREAM) as stream:
        events = [frame async for frame in frames(stream)]

    assert {tuple(frame.names) for frame in events} == {("event", "data")}
    names = [frame.value("event") for frame in events]
    assert {"token", "tool_call", "cart", "usage"} <= set(names)
    assert names.count("done") == 1
    assert names[-1] == "done"
