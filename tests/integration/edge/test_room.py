"""How many event streams and WebSockets one guest, one key and one address may have."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest_asyncio

from tests.integration.edge.serving import House, Tenant, house
from tests.integration.edge.test_events import PATH
from tests.support.servers import MigratedDatabase
from tests.support.sockets import socket

OF_GUEST, OF_ONE, OF_ADDRESS = 3, 6, 7
FULL = (1013, "CONNECTION_LIMIT")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway with little room."""
    settings: dict[str, Any] = {
        "most_connections_of_guest": OF_GUEST,
        "most_connections_of_one": OF_ONE,
        "most_connections_of_address": OF_ADDRESS,
    }
    async with house(database, redis_url, **settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stack(served: House) -> AsyncIterator[AsyncExitStack]:
    """What is opened until the test ends, at a gateway that holds nothing yet."""
    await until_empty(served)
    async with AsyncExitStack() as opened:
        yield opened


async def open_streams(
    stack: AsyncExitStack, client: httpx.AsyncClient, count: int
) -> list[httpx.Response]:
    """So many streams at once, refused ones too."""
    asking = [stack.enter_async_context(client.stream("GET", PATH)) for _ in range(count)]
    return list(await asyncio.gather(*asking))


async def until_empty(served: House) -> None:
    """Waits until the gateway holds no connection."""
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            metrics = (await client.get(f"http://127.0.0.1:{served.admin}/metrics")).text
            held = re.findall(r"(?m)^maitred_connections\{.*\} (\d+)", metrics)
            if not any(map(int, held)):
                return
            await asyncio.sleep(0.02)


def statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


async def test_a_guest_has_few_streams_and_websockets_together(
    served: House, guest: httpx.AsyncClient, stack: AsyncExitStack
) -> None:
    opened = await stack.enter_async_context(
        socket(served.url, "/ws", guest.headers["authorization"])
    )
    assert (await opened.hear())["type"] == "hello"
    answers = await open_streams(stack, guest, OF_GUEST)
    assert statuses(answers) == [200] * (OF_GUEST - 1) + [429]
    (refused,) = [answer for answer in answers if answer.status_code == 429]
    assert refused.headers["retry-after"] == "5"
    await refused.aread()
    problem = refused.json()
    assert (problem["reason"], problem["metadata"]["limit"]) == ("CONNECTION_LIMIT", str(OF_GUEST))
    one_more = await stack.enter_async_context(
        socket(served.url, "/ws", guest.headers["authorization"])
    )
    assert await one_more.end() == FULL


async def test_room_is_given_back(served: House, guest: httpx.AsyncClient) -> None:
    for _ in range(2):
        await until_empty(served)
        async with AsyncExitStack() as stack:
            assert statuses(await open_streams(stack, guest, OF_GUEST)) == [200] * OF_GUEST


async def test_a_key_has_more_of_them(staff: httpx.AsyncClient, stack: AsyncExitStack) -> None:
    answers = await open_streams(stack, staff, OF_ONE + 2)
    assert statuses(answers) == [200] * OF_ONE + [429] * 2


async def test_guests_of_one_address_have_no_more_than_it(
    served: House, tenant: Tenant, staff: httpx.AsyncClient, stack: AsyncExitStack
) -> None:
    guests = [await stack.enter_async_context(served.guest(tenant)) for _ in range(3)]
    found = [status for one in guests for status in statuses(await open_streams(stack, one, 3))]
    assert found == [200] * OF_ADDRESS + [429] * (9 - OF_ADDRESS)
    unknown = await stack.enter_async_context(socket(served.url))
    assert await unknown.end() == FULL
    by_guest = await stack.enter_async_context(
        socket(served.url, "/ws", guests[2].headers["authorization"])
    )
    assert await by_guest.end() == FULL
    assert statuses(await open_streams(stack, staff, 1)) == [200]
    elsewhere = served.client(
        guests[2].headers["authorization"].removeprefix("Bearer "), address="127.0.9.1"
    )
    client = await stack.enter_async_context(elsewhere)
    assert statuses(await open_streams(stack, client, 1)) == [200]
