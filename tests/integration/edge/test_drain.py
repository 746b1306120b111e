"""What clients see when a gateway is stopped."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from tests.integration.edge.serving import house, order_coffee
from tests.support.servers import MigratedDatabase
from tests.support.sockets import socket


async def test_streams_end_cleanly_and_say_when_to_come_back(
    database: MigratedDatabase, redis_url: str
) -> None:
    async with house(database, redis_url) as served:
        tenant = await served.open_tenant()
        staff = served.client(tenant.staff_key)
        following = staff.stream("GET", "/api/v1/events")
        stream = await following.__aenter__()
        lines = stream.aiter_lines()
        reading = asyncio.create_task(read_all(lines))
    # Without an exception: the body ended as HTTP says, not with the connection.
    assert (await reading)[-2:] == ["retry: 1000", ""]
    await following.__aexit__(None, None, None)
    await staff.aclose()


async def test_a_websocket_is_closed_with_the_position_to_go_on_from(
    database: MigratedDatabase, redis_url: str
) -> None:
    async with AsyncExitStack() as stack:
        async with house(database, redis_url) as served:
            tenant = await served.open_tenant()
            staff = await stack.enter_async_context(served.client(tenant.staff_key))
            guest = await stack.enter_async_context(served.guest(tenant))
            authorization = staff.headers["authorization"]
            opened = await stack.enter_async_context(
                socket(served.url, "/ws/orders", authorization)
            )
            await opened.take(2)
            await order_coffee(guest)
            seen = (await opened.hear())["cursor"]
            ending = asyncio.create_task(opened.end())
        assert await ending == (1012, f"DRAINING {seen}")


async def read_all(lines: object) -> list[str]:
    return [line async for line in lines]  # type: ignore[attr-defined]
