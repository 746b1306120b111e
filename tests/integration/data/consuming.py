"""A consumer that counts, and a stream for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import redis.asyncio
from prometheus_client import CollectorRegistry, Counter

from services.chassis.data.choosing import Concerned
from services.chassis.data.consumer import Consumer, Effect, consumer_tables
from services.chassis.data.consumer_metrics import ConsumerMetrics
from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import Cursor, StreamEvent, tell_restored
from tests.integration.data.streaming import KEY, PARTITION, TENANT
from tests.support.servers import MigratedDatabase
from tests.support.services import Clock

TYPE = "maitred.order.v1"
SCHEMA = "tally"
# What the service's role would find after its migrations.
TABLES = f"""
CREATE SCHEMA {SCHEMA};
GRANT USAGE ON SCHEMA {SCHEMA} TO maitred_orders;
ALTER DEFAULT PRIVILEGES IN SCHEMA {SCHEMA}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO maitred_orders;
{consumer_tables(SCHEMA)}
CREATE TABLE {SCHEMA}.effects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    seq bigint NOT NULL,
    by text NOT NULL
);
ALTER TABLE {SCHEMA}.effects ENABLE ROW LEVEL SECURITY;
ALTER TABLE {SCHEMA}.effects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {SCHEMA}.effects
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""


def event(
    seq: int, aggregate: str = "ord_1", tenant: UUID = TENANT, kind: str = TYPE
) -> StreamEvent:
    payload = json.dumps({"id": f"evt_{seq}", "subject": aggregate, "type": kind}).encode()
    return StreamEvent(Cursor(PARTITION, seq), tenant, "gst_1", kind, payload)


def events(seqs: Iterable[int]) -> list[StreamEvent]:
    return [event(seq) for seq in seqs]


def counted(by: str = "one") -> Effect:
    """Writes down that an event was there."""

    async def effect(connection: Connection, event: StreamEvent) -> None:
        await connection.execute(
            f"INSERT INTO {SCHEMA}.effects (tenant_id, seq, by) VALUES ($1, $2, $3)",
            event.tenant_id,
            event.cursor.seq,
            by,
        )

    return effect


@dataclass(slots=True)
class Bench:
    """Streams, and a database with the tables of consumers.

    Attributes:
        client: the streams' server.
        database: as the service's role.
        admin: as the migrator, who sees every tenant's rows.
        clock: of the consumers.
        registry: of the metrics of all consumers.
    """

    client: Any
    database: Database
    admin: Database
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    clock: Clock = field(default_factory=Clock)
    _metrics: ConsumerMetrics = field(init=False)

    def __post_init__(self) -> None:
        self._metrics = ConsumerMetrics(
            self.registry, Counter("errors", "All.", ("component", "type"), registry=self.registry)
        )

    async def publish(self, *published: StreamEvent) -> None:
        """Adds entries as the relay does."""
        for one in published:
            await self.client.xadd(KEY, one.fields(), id=f"{one.cursor.seq}-0")

    async def healed(self) -> None:
        """The relay has compared the streams with the log."""
        await tell_restored(self.client, range(PARTITIONS))

    def consumer(
        self,
        effect: Effect | None = None,
        *,
        database: Database | None = None,
        client: "redis.asyncio.Redis | None" = None,
        concerned: Concerned | None = None,
    ) -> Consumer:
        return Consumer(
            name="counter",
            schema=SCHEMA,
            types=frozenset({TYPE}),
            effect=effect or counted(),
            database=database or self.database,
            redis=client or self.client,
            clock=self.clock,
            metrics=self._metrics,
            concerned=concerned,
            look_every_s=0.05,
            retry_look_every_s=0.02,
            chance=lambda: 0.5,
        )

    @asynccontextmanager
    async def consuming(
        self, effect: Effect | None = None, **others: Any
    ) -> AsyncIterator[Consumer]:
        """A consumer at work, stopped cleanly at the end."""
        consumer = self.consumer(effect, **others)
        async with running(consumer):
            yield consumer

    async def effects(self) -> list[int]:
        """Numbers of the events that had their effect, in that order."""
        return [row["seq"] for row in await self.rows("effects", "seq", "id")]

    async def letters(self) -> list[tuple[int, int, str]]:
        """Number, attempts and error of each dead letter."""
        async with self.admin.connection() as connection:
            rows = await connection.fetch(
                "SELECT seq, attempts, error FROM events.dead_letters"
                " WHERE status = 'waiting' ORDER BY number"
            )
        return [(row["seq"], row["attempts"], row["error"]) for row in rows]

    async def position(self) -> int:
        rows = await self.rows("consumer_partitions", "partition, seq", "partition")
        return next((row["seq"] for row in rows if row["partition"] == PARTITION), 0)

    async def rows(self, table: str, columns: str, order: str) -> list[Any]:
        async with self.admin.connection() as connection:
            return await connection.fetch(
                f"SELECT {columns} FROM {SCHEMA}.{table} ORDER BY {order}"
            )

    async def until_at(self, seq: int) -> None:
        """Returns once the consumer has come to an event."""

        async def is_there() -> bool:
            return await self.position() == seq

        await eventually(is_there)

    async def until_effects(self, seqs: list[int]) -> None:
        """Returns once these events had their effects, in this order, and no others."""

        async def are_there() -> bool:
            return await self.effects() == seqs

        await eventually(are_there)

    async def looks(self) -> int:
        """How often positions were compared with the ends of streams."""
        found: int = (await self.client.info("commandstats"))["cmdstat_hgetall"]["calls"]
        return found

    async def expire_leases(self) -> None:
        """As if the holders had died five seconds ago."""
        async with self.admin.connection() as connection:
            await connection.execute(
                f"UPDATE {SCHEMA}.consumer_partitions SET expire_time = '-infinity'"
            )

    async def until_counted(self, count: int, family: str, **labels: str) -> None:
        """Returns once a metric is so many: it moves after the commit that others see."""

        async def is_so() -> bool:
            return self.counted(family, **labels) == count

        await eventually(is_so)

    def counted(self, family: str, **labels: str) -> float:
        return self.registry.get_sample_value(family, {"consumer": "counter", **labels}) or 0.0


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns once the condition holds."""
    async with asyncio.timeout(60):
        # What a server or another task has done is no event of ours.
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def holding(consumer: Consumer, least: int = PARTITIONS) -> None:
    """Returns once it holds that many partitions."""

    async def is_holding() -> bool:
        return len(consumer.held) >= least

    await eventually(is_holding)


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[None]:
    task = asyncio.ensure_future(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def opened(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Bench]:
    """A bench whose streams and tables are empty."""
    async with (
        Database.connect(database.service_url("orders")) as service,
        Database.connect(database.url) as admin,
        open_redis(redis_url) as client,
    ):
        await client.flushall()
        async with admin.connection() as connection:
            await connection.execute(
                f"DELETE FROM events.dead_letters; DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; {TABLES}"
            )
        bench = Bench(client, service, admin)
        await bench.healed()
        yield bench
