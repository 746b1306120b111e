"""A stream to write to, and a reader of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import redis.asyncio

from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import (
    Cursor,
    Reset,
    StreamEvent,
    StreamReader,
    Subscription,
    stream_key,
    tell_restored,
)

TENANT = UUID(int=0)
PARTITION = partition_of(TENANT)
KEY = stream_key(PARTITION)
# Another tenant whose events are in the same stream.
NEIGHBOUR = next(
    UUID(int=number) for number in range(1, 500) if partition_of(UUID(int=number)) == PARTITION
)


def event(seq: int, tenant: UUID = TENANT) -> StreamEvent:
    return StreamEvent(Cursor(PARTITION, seq), tenant, "gst_1", "maitred.order.v1", b"%d" % seq)


def reset(seq: int, *, is_back: bool = False) -> Reset:
    return Reset(Cursor(PARTITION, seq), is_back)


class Publisher:
    """Adds entries as the relay does."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self.client: Any = client

    async def publish(self, *seqs: int, tenant: UUID = TENANT) -> None:
        for seq in seqs:
            await self.client.xadd(KEY, event(seq, tenant).fields(), id=f"{seq}-0")

    async def restored(self) -> None:
        """Streams are now as the log is."""
        await tell_restored(self.client, range(PARTITIONS))

    async def looks(self) -> int:
        """How often readers have asked which streams are."""
        found: int = (await self.client.info("commandstats"))["cmdstat_smembers"]["calls"]
        return found


@asynccontextmanager
async def publishing(redis_url: str) -> AsyncIterator[Publisher]:
    """Empty streams to publish to."""
    async with open_redis(redis_url) as client:
        await client.flushall()
        publisher = Publisher(client)
        await publisher.restored()
        yield publisher


@asynccontextmanager
async def reading(redis_url: str) -> AsyncIterator[StreamReader]:
    """A reader at work."""
    async with open_redis(redis_url) as client:
        reader = StreamReader(client, look_every_s=0.05)
        task = asyncio.ensure_future(reader.run())
        try:
            yield reader
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def take(subscription: Subscription, count: int) -> list[StreamEvent | Reset]:
    """The next items."""
    return await take_from(aiter(subscription), count)


async def take_from(
    items: AsyncIterator[StreamEvent | Reset], count: int = 1
) -> list[StreamEvent | Reset]:
    """The next items of an iterator that is taken from again."""
    async with asyncio.timeout(60):
        return [await anext(items) for _ in range(count)]
