"""The relay's SQL: leases of partitions, the move from outbox to log, reading the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from services.chassis.data.leases import TERM_S
from services.chassis.data.postgres import Database, Queries
from services.chassis.data.streams import Cursor, StreamEvent

if TYPE_CHECKING:
    from asyncpg import Record

QUERIES = Queries.load(__package__)

# Counting is a look at every row, and there are most when there is least time for it.
_MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox: rows, as far as they are counted, and seconds the oldest has."""

    waiting: int
    age_s: float


class EventStore:
    """Schema `events`, as the relay's role. Every method is one statement, so one transaction."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder

    async def take_partitions(self) -> dict[int, int]:
        """Takes the partitions nobody holds; the epoch of each."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.take_partitions, self._holder, TERM_S)
        return {row["partition"]: row["epoch"] for row in rows}

    async def renew_partitions(self, held: Mapping[int, int]) -> set[int]:
        """Holds partitions for another term; those still ours."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES.renew_partitions, [*held], [*held.values()], TERM_S
            )
        return {row["partition"] for row in rows}

    async def release_partitions(self, held: Mapping[int, int]) -> None:
        """Gives partitions back."""
        async with self._database.connection() as connection:
            await connection.execute(QUERIES.release_partitions, [*held], [*held.values()])

    async def move(self, held: Mapping[int, int], most: int) -> list[StreamEvent]:
        """Moves up to `most` outbox rows of each partition to the log.

        Returns:
            What was moved, by partition and number.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.move, [*held], [*held.values()], most)
        return [_event(row) for row in rows]

    async def heads(self) -> dict[int, int]:
        """The newest number of every partition; 0 before the first event."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.heads)
        return {row["partition"]: row["head_seq"] for row in rows}

    async def first_since(self, partition: int, moment: datetime) -> int | None:
        """The oldest number logged since a time; None if nothing was."""
        async with self._database.connection() as connection:
            seq: int | None = await connection.fetchval(QUERIES.first_since, partition, moment)
        return seq

    async def read_log(self, partition: int, after: int, most: int) -> list[StreamEvent]:
        """Up to `most` events of a partition after a number, in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.read_log, partition, after, most)
        return [_event(row) for row in rows]

    async def backlog(self) -> Backlog:
        """What waits in the outbox."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES.backlog, _MOST_COUNTED)
        return Backlog(row["waiting"], row["age_s"]) if row else Backlog(0, 0.0)

    async def count_letters(self) -> dict[tuple[str, str], int]:
        """Dead letters of all tenants, by consumer and status."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES.count_letters)
        return {(row["consumer"], row["status"]): row["letters"] for row in rows}

    async def delete_settled_letters(self, before: datetime, most: int) -> int:
        """Deletes dead letters that were settled before a time; how many."""
        async with self._database.connection() as connection:
            deleted: int = await connection.fetchval(QUERIES.delete_settled_letters, before, most)
        return deleted

    async def keep_log_month(self, moment: datetime) -> None:
        """Makes the log's month of a time."""
        async with self._database.connection() as connection:
            await connection.execute(QUERIES.keep_log_month, moment)

    async def keep_this_log_month(self) -> None:
        """Makes the log's month that the database's clock is in."""
        async with self._database.connection() as connection:
            await connection.execute(QUERIES.keep_this_log_month)

    async def drop_log_months_before(self, moment: datetime) -> int:
        """Drops the log's months before the one of a time; how many."""
        async with self._database.connection() as connection:
            dropped: int = await connection.fetchval(QUERIES.drop_log_months_before, moment)
        return dropped


def _event(row: "Record") -> StreamEvent:
    return StreamEvent(
        cursor=Cursor(row["partition"], row["seq"]),
        tenant_id=row["tenant_id"],
        principal_id=row["principal_id"],
        type=row["type"],
        payload=row["payload"],
    )
