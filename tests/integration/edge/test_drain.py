"""What clients see when a gateway is stopped."""

from __future__ import annotations

import asyncio

from tests.integration.edge.serving import house
from tests.support.servers import MigratedDatabase


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


async def read_all(lines: object) -> list[str]:
    return [line async for line in lines]  # type: ignore[attr-defined]
