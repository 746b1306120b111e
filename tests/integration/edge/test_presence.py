"""Who is connected where, and messages to them, with two gateways on one Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import redis

from tests.integration.edge.serving import House, Tenant, house
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually
from tests.support.sockets import Socket, socket
from tests.support.streams import Frame, frames, is_event

PATH = "/api/v1/presence"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """Another gateway."""
    async with house(database, redis_url, relayed=False) as running:
        yield running


async def connect(stack: AsyncExitStack, served: House, client: httpx.AsyncClient) -> Socket:
    """A WebSocket that was greeted, until the stack is left."""
    authorization = client.headers["authorization"]
    opened = await stack.enter_async_context(socket(served.url, "/ws", authorization))
    assert (await opened.hear())["type"] == "hello"
    return opened


async def listen(stack: AsyncExitStack, client: httpx.AsyncClient) -> AsyncGenerator[Frame, None]:
    """An event stream that has begun, until the stack is left."""
    stream = await stack.enter_async_context(client.stream("GET", "/api/v1/events"))
    reading = frames(stream)
    while not (await anext(reading)).value("id"):
        pass
    return reading


async def known_as(client: httpx.AsyncClient) -> str:
    """The principal a client is."""
    ticket = (await client.post("/api/v1/auth/ticket")).json()["ticket"]
    async with socket(str(client.base_url).rstrip("/"), f"/ws?ticket={ticket}") as opened:
        return str((await opened.hear())["principal_id"])


async def until(client: httpx.AsyncClient, path: str, holds: Callable[[Any], bool]) -> Any:
    """What a path answers, once that holds."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            if holds(answer.json()):
                return answer.json()
            await asyncio.sleep(0.02)


def kinds(presence: Any) -> list[str]:
    return [one["kind"].removeprefix("CONNECTION_KIND_") for one in presence["connections"]]


async def test_who_comes_is_there_and_who_goes_is_not(
    served: House, other: House, tenant: Tenant, staff: httpx.AsyncClient
) -> None:
    async with served.guest(tenant) as guest:
        path = f"{PATH}/{await known_as(guest)}"
        await until(staff, path, lambda found: found["connections"] == [])
        async with AsyncExitStack() as inner:
            await connect(inner, served, guest)
            stream = await listen(inner, guest)
            await connect(inner, other, guest)
            found = await until(staff, path, lambda found: len(found["connections"]) == 3)
            assert kinds(found) == ["WEBSOCKET", "SSE", "WEBSOCKET"]
            assert len({one["replica_id"] for one in found["connections"]}) == 2
            assert found["roles"] == ["ROLE_GUEST"]
            await stream.aclose()
        await until(staff, path, lambda found: found["connections"] == [])


async def test_staff_see_who_is_there_page_by_page_and_how_many(served: House) -> None:
    tenant = await served.open_tenant()
    async with AsyncExitStack() as stack:
        staff = await stack.enter_async_context(served.client(tenant.staff_key))
        await connect(stack, served, staff)
        for _ in range(3):
            guest = await stack.enter_async_context(served.guest(tenant))
            await connect(stack, served, guest)
        everyone = await until(staff, PATH, lambda found: len(found["presences"]) == 4)
        assert (everyone["guest_count"], everyone["staff_count"]) == (3, 1)
        first = (await staff.get(PATH, params={"page_size": 3})).json()
        token = first["next_page_token"]
        second = (await staff.get(PATH, params={"page_size": 3, "page_token": token})).json()
        assert first["presences"] + second["presences"] == everyone["presences"]
        assert "next_page_token" not in second or not second["next_page_token"]


async def test_a_message_reaches_its_user_at_every_gateway_and_nobody_else(
    served: House, other: House, tenant: Tenant, staff: httpx.AsyncClient
) -> None:
    async with AsyncExitStack() as stack:
        guest = await stack.enter_async_context(served.guest(tenant))
        stranger = await stack.enter_async_context(served.guest(tenant))
        here, there = await connect(stack, served, guest), await connect(stack, other, guest)
        stream = await listen(stack, guest)
        aside = await connect(stack, other, stranger)
        path = f"{PATH}/{await known_as(guest)}"
        await until(staff, path, lambda found: len(found["connections"]) == 3)
        said = {"type": "table.ready", "data": {"table": "7", "wörd": "é\n"}}
        sent = (await staff.post(f"{path}:send", json=said)).json()
        assert sent["connection_count"] == 3
        expected = {"id": sent["message_id"], **said}
        for opened in (here, there):
            heard = await opened.hear()
            assert heard == {"type": "message", "id": sent["message_id"], "message": expected}
        # A heartbeat may come at any moment.
        while not is_event(frame := await anext(stream)):
            pass
        assert frame.names == ["event", "data"]
        assert (frame.value("event"), frame.data) == ("message", expected)
        await aside.say("ping", "1")
        assert (await aside.hear())["type"] == "pong"


async def test_a_message_to_who_is_not_there_reaches_nobody(staff: httpx.AsyncClient) -> None:
    said = {"type": "table.ready", "data": {}}
    sent = await staff.post(f"{PATH}/gst_{uuid4().hex}:send", json=said)
    assert (sent.status_code, sent.json()["connection_count"]) == (200, 0)


async def test_another_tenants_people_seem_not_there(
    served: House, tenant: Tenant, staff: httpx.AsyncClient
) -> None:
    rival = await served.open_tenant()
    async with AsyncExitStack() as stack:
        guest = await stack.enter_async_context(served.guest(tenant))
        theirs = await stack.enter_async_context(served.client(rival.staff_key))
        opened = await connect(stack, served, guest)
        path = f"{PATH}/{await known_as(guest)}"
        await until(staff, path, lambda found: len(found["connections"]) == 1)
        assert (await theirs.get(path)).json()["connections"] == []
        assert (await theirs.get(PATH)).json()["presences"] == []
        sent = await theirs.post(f"{path}:send", json={"type": "spam"})
        assert sent.json()["connection_count"] == 0
        await opened.say("ping", "1")
        assert (await opened.hear())["type"] == "pong"


@pytest.mark.parametrize(
    ("method", "tail"), [("GET", "/gst_1"), ("GET", ""), ("POST", "/gst_1:send")]
)
async def test_guests_neither_see_who_is_there_nor_send(
    guest: httpx.AsyncClient, method: str, tail: str
) -> None:
    body = {"type": "hello"} if method == "POST" else None
    answer = await guest.request(method, PATH + tail, json=body)
    assert (answer.status_code, answer.json()["reason"]) == (403, "ROLE_REQUIRED")


async def test_what_redis_lost_is_written_anew(
    served: House, tenant: Tenant, staff: httpx.AsyncClient, redis_url: str
) -> None:
    async with AsyncExitStack() as stack:
        guest = await stack.enter_async_context(served.guest(tenant))
        await connect(stack, served, guest)
        path = f"{PATH}/{await known_as(guest)}"
        await until(staff, path, lambda found: len(found["connections"]) == 1)

        async def is_lost() -> bool:
            # The gateway writes every few seconds, and may have done so just now.
            with redis.Redis.from_url(redis_url) as client:
                for key in client.scan_iter("maitred:presence:*"):
                    client.delete(key)
            found: Mapping[str, Any] = (await staff.get(path)).json()
            return not found["connections"]

        await eventually(is_lost)
        await until(staff, path, lambda found: len(found["connections"]) == 1)


async def test_a_ticket_holds_no_credential(
    served: House, guest: httpx.AsyncClient, redis_url: str
) -> None:
    ticket = (await guest.post("/api/v1/auth/ticket")).json()["ticket"]
    with redis.Redis.from_url(redis_url) as client:
        kept: list[Any] = [
            (key, client.get(key), client.ttl(key)) for key in client.scan_iter("maitred:tickets:*")
        ]
    secrets = (ticket, str(guest.headers["authorization"]).partition(" ")[2])
    for key, value, lifetime_s in kept:
        assert not any(one.encode() in key + value for one in secrets)
        assert json.loads(value).keys() == {"tenant_id", "principal_id", "expires"}
        assert 0 < lifetime_s <= 60
    assert kept
