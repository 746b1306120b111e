"""Producers, relays and streams to try against each other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import redis.asyncio
from prometheus_client import CollectorRegistry

from services.chassis.data.ids import IdFactory
from services.chassis.data.outbox import OutboxEvent, append, partition_of
from services.chassis.data.postgres import Database
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import StreamEvent, decode, stream_key
from services.chassis.run.lifecycle import open_resources
from services.chassis.run.telemetry import open_telemetry
from services.relay.config import RelayConfig
from services.relay.publisher import Publisher
from services.relay.store import EventStore
from services.relay.wiring import build
from tests.support.servers import MigratedDatabase

TENANT = UUID("aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa")
PARTITION = partition_of(TENANT)
NEW = IdFactory(lambda: datetime.now(UTC)).new
DAY = timedelta(days=1)


def event(number: int = 0, tenant: UUID = TENANT, aggregate: str = "ord_1") -> OutboxEvent:
    """An event whose payload is its number."""
    return OutboxEvent(NEW(), tenant, "maitred.order.v1", aggregate, "gst_1", b"%d" % number)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Returns once the condition holds."""
    async with asyncio.timeout(seconds):
        # Other servers' states have no event to wait for.
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Bench:
    """A producer, a relay's store and its streams.

    Attributes:
        url: the migrator's.
        relay_url: Postgres as the relay.
        redis_url: the streams' server.
        producer: Postgres as a role that produces.
        database: Postgres as the relay.
        admin: Postgres as the migrator.
        client: the streams' server.
    """

    url: str
    relay_url: str
    redis_url: str
    producer: Database
    database: Database
    admin: Database
    client: "redis.asyncio.Redis"

    def store(self, holder: str = "test") -> EventStore:
        return EventStore(self.database, holder)

    def publisher(self, now: datetime | None = None, retention: timedelta = DAY) -> Publisher:
        return Publisher(self.client, self.store(), lambda: now or datetime.now(UTC), retention)

    async def write(self, *events: OutboxEvent) -> None:
        """Commits events, all of one tenant, in one transaction."""
        async with self.producer.tenant(events[0].tenant_id) as connection:
            for one in events:
                await append(connection, one)

    async def write_many(self, count: int, first: int = 1) -> None:
        await self.write(*(event(number) for number in range(first, first + count)))

    async def stream(self, partition: int = PARTITION) -> list[StreamEvent]:
        """All of a stream."""
        client: Any = self.client
        entries = await client.xrange(stream_key(partition), "-", "+")
        return [decode(partition, entry_id, fields) for entry_id, fields in entries]

    async def seqs(self, partition: int = PARTITION) -> list[int]:
        return [one.cursor.seq for one in await self.stream(partition)]

    async def log(self, partition: int = PARTITION) -> list[StreamEvent]:
        """All of a partition's log."""
        return await self.store().read_log(partition, 0, 100_000)

    async def waiting(self) -> int:
        return (await self.store().backlog()).waiting

    async def streamed(self, count: int, partition: int = PARTITION) -> None:
        """Returns once a stream holds that many entries."""

        async def full() -> bool:
            length: int = await self.client.xlen(stream_key(partition))
            return length >= count

        await eventually(full)

    async def expire_leases(self) -> None:
        """As if the holders had died five seconds ago."""
        async with self.admin.transaction() as connection:
            await connection.execute("UPDATE events.partitions SET expire_time = '-infinity'")

    @asynccontextmanager
    async def relaying(
        self, redis_url: str = "", **settings: Any
    ) -> AsyncIterator[CollectorRegistry]:
        """The metrics of a relay at work, wired as in production, stopped cleanly at the end."""
        config = RelayConfig(
            database_url=self.relay_url,
            redis_url=redis_url or self.redis_url,
            page_token_key="secret",
            **settings,
        )
        async with AsyncExitStack() as stack:
            telemetry = open_telemetry("relay", "", 1.0)
            resources = await open_resources("relay", config, stack, telemetry)
            component = await build(config, resources)
            tasks = [asyncio.ensure_future(loop.run()) for loop in component.loops]
            try:
                yield telemetry.registry
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with suppress(asyncio.CancelledError):
                        await task


@asynccontextmanager
async def opened(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Bench]:
    """A bench whose outbox, log and streams are empty."""
    relay_url = database.service_url("relay")
    async with (
        Database.connect(database.service_url("orders"), max_size=16) as producer,
        Database.connect(relay_url) as relay,
        Database.connect(database.url) as admin,
        open_redis(redis_url) as client,
    ):
        await client.flushall()
        async with admin.transaction() as connection:
            await connection.execute(
                "TRUNCATE events.outbox, events.log;"
                " UPDATE events.partitions"
                " SET head_seq = 0, epoch = 0, holder = '', expire_time = '-infinity'"
            )
        yield Bench(database.url, relay_url, redis_url, producer, relay, admin, client)
