"""Streams that begin before it is known where events stand."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from prometheus_client import CollectorRegistry
from starlette.types import Message

from gateway.realtime.feeds import FeedMetrics, Feeds
from gateway.realtime.outlet import Outlet
from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import StreamReader, tell_restored
from services.chassis.rpc.identity import Principal, Role

STAFF = Principal(uuid4(), "key_1", frozenset({Role.STAFF}))


async def test_who_came_before_the_position_was_known_is_told_to_read_anew(redis_url: str) -> None:
    sent: list[bytes] = []
    told = asyncio.Event()

    async def send(message: Message) -> None:
        sent.append(message["body"])
        if b"event: reset" in message["body"]:
            told.set()

    async def check() -> None:
        pass

    async with open_redis(redis_url) as client, asyncio.TaskGroup() as group:
        await tell_restored(client, range(PARTITIONS))
        reader = StreamReader(client)
        feeds = Feeds(reader, FeedMetrics(CollectorRegistry()))
        outlet = Outlet(send, 1024, b"")
        following = group.create_task(feeds.follow(STAFF, None, outlet, check))
        await asyncio.sleep(0)
        assert sent == []
        reading = group.create_task(reader.run())
        async with asyncio.timeout(20):
            await told.wait()
        position = f"id: {partition_of(STAFF.tenant_id)}-0\n".encode()
        assert all(frame.startswith(position) for frame in sent)
        following.cancel()
        reading.cancel()
