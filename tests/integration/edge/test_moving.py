"""Clients that move from one gateway to another because theirs is no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.integration.edge.serving import House, Tenant, order_coffee
from tests.integration.edge.test_presence import PATH as PRESENCE
from tests.support.gateways import Fleet, GatewayProcess, fleet
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually
from tests.support.sockets import socket
from tests.support.streams import frames, is_event

ORDER = "maitred.order.v1"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def gateways(database: MigratedDatabase, redis_url: str) -> Iterator[Fleet]:
    """Gateways beside the house's own, behind an address of theirs."""
    with fleet(database, redis_url) as ours:
        yield ours


@pytest_asyncio.fixture(loop_scope="module")
async def pair(gateways: Fleet) -> list[GatewayProcess]:
    """Two of them."""
    return await asyncio.to_thread(gateways.at_least, 2)


class Follower:
    """A client that comes back to one address with the last position it saw, whatever happens."""

    def __init__(self, url: str, credential: str) -> None:
        self.seen: list[str] = []
        self.arrivals = 0
        self._url = url
        self._credential = credential
        self._cursor = ""
        self._news = asyncio.Event()

    async def by_stream(self) -> None:
        """Follows orders by SSE."""
        headers = {"authorization": f"Bearer {self._credential}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=20) as client:
            while True:
                with suppress(httpx.TransportError):
                    await self._read_stream(client)

    async def by_websocket(self) -> None:
        """Follows orders by WebSocket."""
        while True:
            with suppress(OSError, ConnectionClosed, InvalidHandshake):
                await self._read_websocket()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Returns once that holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def until_more(self, count: int) -> None:
        """Returns once so many more orders were seen."""
        enough = len(self.seen) + count
        await self.until(lambda: len(self.seen) >= enough)

    async def _read_stream(self, client: httpx.AsyncClient) -> None:
        headers = {"last-event-id": self._cursor} if self._cursor else {}
        path = "/api/v1/events"
        async with client.stream("GET", path, headers=headers, params={"types": ORDER}) as stream:
            stream.raise_for_status()
            async for frame in frames(stream):
                if frame.value("id"):
                    self._take(frame.value("id"), frame.data if is_event(frame) else None)

    async def _read_websocket(self) -> None:
        path = f"/ws/orders?cursor={self._cursor}"
        async with socket(self._url, path, f"Bearer {self._credential}") as opened:
            await opened.hear()
            while True:
                message = await opened.hear()
                self._take(message["cursor"], message.get("event"))

    def _take(self, cursor: str, event: Any) -> None:
        self._cursor = cursor
        if event is None:
            self.arrivals += 1
        else:
            self.seen.append(event["data"]["order_id"])
        self._news.set()


@asynccontextmanager
async def following(
    gateways: Fleet, tenant: Tenant, way: Callable[[Follower], Any]
) -> AsyncIterator[Follower]:
    """Staff who follow orders at the shared address."""
    follower = Follower(gateways.url, tenant.staff_key)
    task = asyncio.create_task(way(follower))
    try:
        await follower.until(lambda: follower.arrivals == 1)
        yield follower
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("end", [GatewayProcess.kill, GatewayProcess.drain])
async def test_clients_that_are_moved_miss_nothing_and_see_nothing_twice(
    gateways: Fleet,
    pair: list[GatewayProcess],
    tenant: Tenant,
    guest: httpx.AsyncClient,
    end: Callable[[GatewayProcess], None],
) -> None:
    placed: list[str] = []

    async def order() -> None:
        while True:
            placed.append((await order_coffee(guest))["order_id"])

    async with (
        following(gateways, tenant, Follower.by_stream) as one,
        following(gateways, tenant, Follower.by_websocket) as other,
    ):
        followers = (one, other)
        ordering = asyncio.create_task(order())
        # Whichever each is at, it is once at the one that goes.
        for leaving in pair:
            for follower in followers:
                await follower.until_more(2)
            await asyncio.to_thread(end, leaving)
            await asyncio.to_thread(gateways.at_least, 1)
        ordering.cancel()
        with suppress(asyncio.CancelledError):
            await ordering
        # What was being placed just then is there or not; what comes next follows it.
        placed.append((await order_coffee(guest))["order_id"])
        for follower in followers:
            await follower.until(lambda: placed[-1] in follower.seen)  # noqa: B023
            assert follower.arrivals >= 2
            assert [order_id for order_id in follower.seen if order_id in placed] == placed
            assert len(set(follower.seen)) == len(follower.seen) <= len(placed) + 1


async def test_who_was_at_a_gateway_that_was_killed_is_soon_not_there(
    gateways: Fleet,
    pair: list[GatewayProcess],
    served: House,
    tenant: Tenant,
    staff: httpx.AsyncClient,
) -> None:
    async with served.guest(tenant) as guest:
        authorization = guest.headers["authorization"]
        async with (
            socket(gateways.url, "/ws", authorization) as away,
            socket(served.url, "/ws", authorization) as at_home,
        ):
            principal = (await away.hear())["principal_id"]
            await at_home.hear()
            path = f"{PRESENCE}/{principal}"
            await until_connected(staff, path, 2)
            for leaving in pair:
                leaving.kill()
            await until_connected(staff, path, 1)
            sent = await staff.post(f"{path}:send", json={"type": "hello"})
            assert sent.json()["connection_count"] == 1
            assert (await at_home.hear())["message"]["type"] == "hello"


async def until_connected(staff: httpx.AsyncClient, path: str, count: int) -> None:
    """Returns once somebody has so many connections."""

    async def is_so() -> bool:
        return len((await staff.get(path)).json()["connections"]) == count

    await eventually(is_so, PATIENCE_S)
