"""How far a consumer has come in each partition, and who may go on.

`consumer_partitions` holds no tenant's data: a partition is many tenants', and a row says no more
than a number and who counts. So it has no tenant and no policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.chassis.data.leases import TERM_S
from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.postgres import Connection, Database


class LeaseLost(Exception):
    """Somebody else consumes the partition now: nothing may be committed in its name."""


@dataclass(frozen=True, slots=True)
class Held:
    """A partition that is ours, and how far it has come.

    Attributes:
        epoch: under which it is ours.
        seq: the number of the last event taken in, as it was written.
        read: the number of the last one read; those after `seq` meant nothing.
    """

    epoch: int
    seq: int
    read: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", max(self.read, self.seq))

    def at(self, seq: int) -> "Held":
        """With another number written."""
        return replace(self, seq=seq)

    def having_read(self, seq: int) -> "Held":
        """Read as far as `seq`, if it was not."""
        return replace(self, read=max(seq, self.read))


def consumer_tables(schema: str) -> str:
    """SQL for a migration: the table that the consumers of a schema need."""
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
"""


class Offsets:
    """The positions of one consumer of one schema."""

    def __init__(self, database: Database, schema: str, consumer: str, holder: str) -> None:
        self._database = database
        self._consumer = consumer
        self._holder = holder
        partitions = f"{schema}.consumer_partitions"
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
        self._skip = (
            f"UPDATE {partitions} AS p SET seq = held.to_seq"  # noqa: S608
            " FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[])"
            " AS held (partition, epoch, from_seq, to_seq)"
            " WHERE p.consumer = $1 AND p.partition = held.partition AND p.epoch = held.epoch"
            " AND p.seq = held.from_seq"
            " RETURNING p.partition"
        )
        self._advance = (
            f"UPDATE {partitions} SET seq = $5"  # noqa: S608
            " WHERE consumer = $1 AND partition = $2 AND epoch = $3 AND seq = $4"
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

    async def skip(self, held: Mapping[int, Held], seqs: Mapping[int, int]) -> set[int]:
        """Moves positions from where they are held to `seqs`, where no effect goes with it.

        Returns:
            The partitions that were ours, and there.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                self._skip,
                self._consumer,
                [*held],
                [one.epoch for one in held.values()],
                [one.seq for one in held.values()],
                [seqs[partition] for partition in held],
            )
        return {row["partition"] for row in rows}
