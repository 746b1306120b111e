"""How far a consumer has come in each partition, who may go on, and what it could not take in.

`consumer_partitions` holds no tenant's data: a partition is many tenants', and a row says no more
than a number and who counts. So it has no tenant and no policy. `dead_letters` are events, hence
each its tenant's, under the policy every such table has.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.leases import TERM_S
from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.streams import StreamEvent
from services.chassis.data.tenancy import guarded

# Until a letter is tried again for the first time.
FIRST_ATTEMPT_AFTER = timedelta(seconds=60)
_MOST_ERROR_CHARACTERS = 1000


class LeaseLost(Exception):
    """Somebody else consumes the partition now: nothing may be committed in its name."""


@dataclass(frozen=True, slots=True)
class Held:
    """A partition that is ours: under which epoch, and the number of the last event taken in."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was set aside.

    Attributes:
        event: as the stream has it.
        event_id: its CloudEvents id.
        aggregate_id: its CloudEvents subject.
        error: why, for people.
        attempts: how often its effect was tried; 0 if it only follows one that failed.
    """

    event: StreamEvent
    event_id: str
    aggregate_id: str
    error: str
    attempts: int


def consumer_tables(schema: str) -> str:
    """SQL for a migration: the tables that the consumers of a schema need."""
    return f"""
CREATE TABLE {schema}.consumer_partitions (
    consumer text NOT NULL,
    partition smallint NOT NULL CHECK (partition BETWEEN 0 AND {PARTITIONS - 1}),
    -- of the last event taken in
    seq bigint NOT NULL DEFAULT 0,
    holder text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    expire_time timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE {schema}.consumer_partitions IS
    'Positions in streams of many tenants: nothing of any tenant, so no policy.';

CREATE TABLE {schema}.dead_letters (
    tenant_id uuid NOT NULL,
    consumer text NOT NULL,
    partition smallint NOT NULL,
    seq bigint NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    aggregate_id text NOT NULL,
    principal_id text NOT NULL,
    payload bytea NOT NULL,
    error text NOT NULL,
    -- 0 for those that only follow one that failed
    attempts integer NOT NULL,
    create_time timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, consumer, seq)
);
CREATE INDEX dead_letters_by_aggregate
    ON {schema}.dead_letters (tenant_id, consumer, aggregate_id, seq);
{guarded(f"{schema}.dead_letters")}"""


def identify(event: StreamEvent) -> tuple[str, str]:
    """The id and the aggregate of an event; its position where it does not say."""
    try:
        envelope = json.loads(event.payload)
        return _storable(str(envelope["id"])), _storable(str(envelope["subject"]))
    except (ValueError, KeyError, TypeError):
        return str(event.cursor), str(event.cursor)


class Offsets:
    """The positions and dead letters of one consumer of one schema."""

    def __init__(self, database: Database, schema: str, consumer: str, holder: str) -> None:
        self._database = database
        self._consumer = consumer
        self._holder = holder
        partitions, letters = f"{schema}.consumer_partitions", f"{schema}.dead_letters"
        self._prepare = (
            f"INSERT INTO {partitions} (consumer, partition)"
            f" SELECT $1, generate_series(0, {PARTITIONS - 1}) ON CONFLICT DO NOTHING"
        )
        self._take = (
            f"UPDATE {partitions} AS p"  # noqa: S608 - the schema is the caller's own constant
            " SET holder = $2, epoch = p.epoch + 1,"
            " expire_time = clock_timestamp() + make_interval(secs => $3)"
            f" FROM (SELECT partition FROM {partitions}"
            " WHERE consumer = $1 AND expire_time < clock_timestamp()"
            " ORDER BY partition FOR UPDATE SKIP LOCKED) AS free"
            " WHERE p.consumer = $1 AND p.partition = free.partition"
            " RETURNING p.partition, p.epoch, p.seq"
        )
        self._renew = (
            f"UPDATE {partitions} AS p"  # noqa: S608
            " SET expire_time = clock_timestamp() + make_interval(secs => $4)"
            " FROM unnest($2::smallint[], $3::bigint[]) AS held (partition, epoch)"
            " WHERE p.consumer = $1 AND p.partition = held.partition AND p.epoch = held.epoch"
            " RETURNING p.partition"
        )
        self._release = (
            f"UPDATE {partitions} AS p SET expire_time = '-infinity', holder = ''"  # noqa: S608
            " FROM unnest($2::smallint[], $3::bigint[]) AS held (partition, epoch)"
            " WHERE p.consumer = $1 AND p.partition = held.partition AND p.epoch = held.epoch"
        )
        # The key's lock keeps `_take` away until the transaction ends, and lets `_renew` pass.
        # A process that freezes inside must not keep it for ever.
        self._check = (
            "SELECT seq,"  # noqa: S608
            " set_config('idle_in_transaction_session_timeout', $4, true) AS within_ms"
            f" FROM {partitions}"
            " WHERE consumer = $1 AND partition = $2 AND epoch = $3 FOR KEY SHARE"
        )
        self._advance = (
            f"UPDATE {partitions} SET seq = $5"  # noqa: S608
            " WHERE consumer = $1 AND partition = $2 AND epoch = $3 AND seq = $4"
        )
        self._stuck = (
            f"SELECT DISTINCT aggregate_id FROM {letters}"  # noqa: S608
            " WHERE tenant_id = $1 AND consumer = $2 AND aggregate_id = ANY ($3::text[])"
        )
        self._set_aside = (
            f"INSERT INTO {letters}"  # noqa: S608
            " (tenant_id, consumer, partition, seq, event_id, type, aggregate_id, principal_id,"
            " payload, error, attempts, create_time, next_attempt_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        )

    async def prepare(self) -> None:
        """Makes the positions of a consumer that is new: the beginning of every partition."""
        async with self._database.connection() as connection:
            await connection.execute(self._prepare, self._consumer)

    async def take(self) -> dict[int, Held]:
        """Takes the partitions nobody holds, each under a new epoch."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._take, self._consumer, self._holder, TERM_S)
        return {row["partition"]: Held(row["epoch"], row["seq"]) for row in rows}

    async def renew(self, epochs: Mapping[int, int]) -> set[int]:
        """Holds partitions for another term; those still ours."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                self._renew, self._consumer, [*epochs], [*epochs.values()], TERM_S
            )
        return {row["partition"] for row in rows}

    async def release(self, epochs: Mapping[int, int]) -> None:
        """Gives partitions back."""
        async with self._database.connection() as connection:
            await connection.execute(self._release, self._consumer, [*epochs], [*epochs.values()])

    async def check(self, connection: Connection, partition: int, epoch: int) -> int:
        """Keeps the partition ours until the transaction ends; the number it has come to.

        Raises:
            LeaseLost: it is not ours.
        """
        timeout = str(int(TERM_S * 1000))
        row = await connection.fetchrow(self._check, self._consumer, partition, epoch, timeout)
        if row is None:
            raise LeaseLost
        seq: int = row["seq"]
        return seq

    async def advance(self, connection: Connection, partition: int, held: Held, seq: int) -> None:
        """Moves a position from where it is held to `seq`.

        Raises:
            LeaseLost: it is not ours, or not there.
        """
        tag = await connection.execute(
            self._advance, self._consumer, partition, held.epoch, held.seq, seq
        )
        if tag != "UPDATE 1":
            raise LeaseLost

    async def skip(self, partition: int, held: Held, seq: int) -> None:
        """As `advance`, where no effect goes with it."""
        async with self._database.connection() as connection:
            await self.advance(connection, partition, held, seq)

    async def stuck(
        self, connection: Connection, tenant_id: UUID, aggregate_ids: Collection[str]
    ) -> set[str]:
        """Those of a tenant's aggregates of which an event was set aside."""
        rows = await connection.fetch(self._stuck, tenant_id, self._consumer, [*aggregate_ids])
        return {row["aggregate_id"] for row in rows}

    async def set_aside(self, connection: Connection, letter: DeadLetter, now: datetime) -> None:
        """Keeps an event that was not taken in."""
        event = letter.event
        await connection.execute(
            self._set_aside,
            event.tenant_id,
            self._consumer,
            event.cursor.partition,
            event.cursor.seq,
            letter.event_id,
            event.type,
            letter.aggregate_id,
            event.principal_id,
            event.payload,
            _storable(letter.error[:_MOST_ERROR_CHARACTERS]),
            letter.attempts,
            now,
            now + FIRST_ATTEMPT_AFTER,
        )


def _storable(text: str) -> str:
    """A text less what JSON can say and no column holds: NUL, and halves of surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()
