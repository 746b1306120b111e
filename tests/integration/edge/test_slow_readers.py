"""Connections that do not read what they are sent."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest_asyncio
import redis
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import stream_key, tell_restored
from tests.integration.edge.serving import House, Tenant, house
from tests.integration.edge.test_events import PATH, ids, watching
from tests.support.servers import MigratedDatabase
from tests.support.sockets import Socket, socket


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway whose streams this module fills by itself."""
    async with open_redis(redis_url) as client:
        await tell_restored(client, range(PARTITIONS))
    async with house(database, redis_url, relayed=False) as running:
        yield running


async def test_a_slow_reader_is_cut_off_and_comes_back_without_loss(
    alone: House, redis_url: str
) -> None:
    tenant = await alone.open_tenant()
    tenant_id = UUID(tenant.tenant_id)
    key = stream_key(partition_of(tenant_id))
    with redis.Redis.from_url(redis_url) as client:
        first = last_number(client, key) + 1
        async with slow_reader(alone, tenant) as reader:
            # More than the sockets' buffers and the gateway's own hold together.
            for number in range(first, first + 200):
                payload = json.dumps({"data": {"order_id": number, "filler": "x" * 65_536}})
                entry = {"e": payload, "t": tenant_id.hex, "p": "gst_1", "y": "maitred.order.v1"}
                client.xadd(key, entry, id=f"{number}-0")
            async with asyncio.timeout(60):
                read = await reader.read()
        text = read.decode()
        cut_off = text[text.rindex("event: ") :]
        assert cut_off.startswith('event: cutoff\ndata: {"reason":"SLOW_READER"')
        seen = [int(seq) for seq in re.findall(r"id: \d+-(\d+)\nevent: order\n", text)]
        assert seen == list(range(first, first + len(seen)))
        assert len(seen) < 200
        rest = first + 200 - seen[-1] - 1
        cursor = f"{partition_of(tenant_id)}-{seen[-1]}"
        async with alone.client(tenant.staff_key) as staff, watching(staff, cursor) as stream:
            assert ids(await stream.take(rest)) == list(range(seen[-1] + 1, first + 200))
        client.delete(key)


async def test_a_slow_websocket_is_closed_and_comes_back_without_loss(
    alone: House, redis_url: str
) -> None:
    tenant = await alone.open_tenant()
    tenant_id = UUID(tenant.tenant_id)
    partition = partition_of(tenant_id)
    key = stream_key(partition)
    authorization = f"Bearer {tenant.staff_key}"
    with redis.Redis.from_url(redis_url) as client:
        first = last_number(client, key) + 1
        async with socket(alone.url, "/ws/orders", authorization, max_queue=1) as slow:
            await slow.take(2)
            for number in range(first, first + 200):
                payload = json.dumps({"data": {"order_id": number, "filler": "x" * 65_536}})
                entry = {"e": payload, "t": tenant_id.hex, "p": "gst_1", "y": "maitred.order.v1"}
                client.xadd(key, entry, id=f"{number}-0")
            numbers, close = await read_to_the_end(slow)
        assert close == Close(1013, "SLOW_READER")
        assert numbers == list(range(first, first + len(numbers)))
        assert len(numbers) < 200
        seen = first + len(numbers) - 1
        path = f"/ws/orders?cursor={partition}-{seen}"
        async with socket(alone.url, path, authorization) as back:
            await back.take(2)
            for number in range(seen + 1, first + 200):
                assert (await back.hear())["event"]["data"]["order_id"] == number
        client.delete(key)


async def read_to_the_end(slow: Socket) -> tuple[list[int], Close | None]:
    """Numbers of the orders until the connection is closed, and how it was."""
    numbers = []
    try:
        while True:
            numbers.append((await slow.hear())["event"]["data"]["order_id"])
    except ConnectionClosed as closed:
        return numbers, closed.rcvd


def last_number(client: redis.Redis, key: str) -> int:
    newest: Any = client.xrevrange(key, count=1)
    return int(newest[0][0].partition(b"-")[0]) if newest else 0


@asynccontextmanager
async def slow_reader(served: House, tenant: Tenant) -> AsyncIterator[asyncio.StreamReader]:
    """A connection to the events that nobody reads until asked."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n"
        f"authorization: Bearer {tenant.staff_key}\r\n\r\n".encode()
    )
    await reader.readuntil(b"retry: 1000\n\n")
    yield reader
    writer.close()
    await writer.wait_closed()
