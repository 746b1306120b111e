"""Dead letters of one tenant at a time: read, made due, given up."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.chassis.data.postgres import Database, Queries
from services.relay.dead_letters.letter import LetterFilter, Status, StoredLetter

if TYPE_CHECKING:
    from asyncpg import Record

QUERIES = Queries.load(__package__)


@dataclass(frozen=True, slots=True)
class Discard:
    """Who gives letters up, why, and when."""

    principal_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A letter in the order of lines.

    `is_put_off` says that its line waited until a replay that ended here.
    """

    consumer: str = ""
    aggregate_id: str = ""
    number: int = 0
    is_put_off: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """How many waiting letters were meant, and how many of them were changed.

    `last` is where the next batch goes on; None if there is none.
    """

    meant: int
    changed: int
    last: Place | None


class LetterStore:
    """Table `events.dead_letters`. Every method is one transaction of the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant_id: UUID, chosen: LetterFilter, before: int | None, most: int
    ) -> list[StoredLetter]:
        """Up to `most` letters set aside before number `before`, the last first, no payloads."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(
                QUERIES.list_letters, *_arguments(tenant_id, chosen), before, most
            )
        return [_letter(row) for row in rows]

    async def get(self, tenant_id: UUID, letter_id: UUID) -> StoredLetter | None:
        """A letter with its payload."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(QUERIES.get_letter, tenant_id, letter_id)
        return _letter(row) if row else None

    async def replay(
        self, tenant_id: UUID, chosen: LetterFilter, now: datetime, after: Place, most: int
    ) -> Batch:
        """Makes up to `most` waiting letters due, with those before each in its line.

        Changed are those that were not due already.
        """
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(
                QUERIES.replay_letters,
                *_arguments(tenant_id, chosen),
                now,
                *(after.consumer, after.aggregate_id, after.number, after.is_put_off),
                most,
            )
        return _batch(row, most)

    async def discard(
        self, tenant_id: UUID, chosen: LetterFilter, discard: Discard, after: Place, most: int
    ) -> Batch:
        """Gives up to `most` waiting letters up."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(
                QUERIES.discard_letters,
                *_arguments(tenant_id, chosen),
                *(discard.now, discard.principal_id, discard.reason),
                *(after.consumer, after.aggregate_id, after.number),
                most,
            )
        return _batch(row, most)


def _arguments(tenant_id: UUID, chosen: LetterFilter) -> tuple[object, ...]:
    return (
        tenant_id,
        list(chosen.ids) or None,
        chosen.consumer,
        chosen.type,
        chosen.aggregate_id,
        chosen.status,
        chosen.error,
        chosen.start,
        chosen.end,
    )


def _batch(row: "Record | None", most: int) -> Batch:
    if row is None:
        return Batch(0, 0, None)
    last = Place(row["consumer"], row["aggregate_id"], row["number"], row["is_put_off"])
    return Batch(row["meant"], row["changed"], last if row["meant"] == most else None)


def _letter(row: "Record") -> StoredLetter:
    values = dict(row)
    return StoredLetter(
        **(values | {"status": Status(values["status"]), "payload": values.get("payload")})
    )
