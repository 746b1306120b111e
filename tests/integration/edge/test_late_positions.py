"""Streams that begin before it is known where events stand."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry

from gateway.realtime import sse
from gateway.realtime.connections import ConnectionMetrics
from gateway.realtime.feeds import Feeds, Viewer
from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import StreamReader, tell_restored
from tests.support.wires import open_connection


async def test_who_came_before_the_position_was_known_is_told_to_read_anew(redis_url: str) -> None:
    tenant_id = uuid4()
    connection, client = open_connection()
    viewer = Viewer(tenant_id, None, None, connection, sse.StreamForm(), None)
    async with open_redis(redis_url) as redis, asyncio.TaskGroup() as group:
        await tell_restored(redis, range(PARTITIONS))
        reader = StreamReader(redis)
        feeds = Feeds(reader, ConnectionMetrics(CollectorRegistry()).messages)
        feeds.enter(viewer)
        await asyncio.sleep(0)
        assert client.received == b""
        reading: asyncio.Task[Any] = group.create_task(reader.run())
        async with asyncio.timeout(60):
            await client.until(b"\n\n\r\n")
            await client.until(b"event: reset")
        position = f"id: {partition_of(tenant_id)}-0\n".encode()
        assert client.received.count(position) == client.received.count(b"id: ") == 2
        feeds.leave(viewer)
        reading.cancel()
