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
class Replayed:
    """How many waiting letters were meant, and how many of them were not due already."""

    meant: int
    changed: int


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

    async def replay(self, tenant_id: UUID, chosen: LetterFilter, now: datetime) -> Replayed:
        """Makes waiting letters due, with those before each in its line."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(
                QUERIES.replay_letters, *_arguments(tenant_id, chosen), now
            )
        return Replayed(row["meant"], row["changed"]) if row else Replayed(0, 0)

    async def discard(self, tenant_id: UUID, chosen: LetterFilter, discard: Discard) -> int:
        """Gives waiting letters up; how many."""
        async with self._database.tenant(tenant_id) as connection:
            tag = await connection.execute(
                QUERIES.discard_letters,
                *_arguments(tenant_id, chosen),
                discard.now,
                discard.principal_id,
                discard.reason,
            )
        return int(tag.rpartition(" ")[2])


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


def _letter(row: "Record") -> StoredLetter:
    values = dict(row)
    return StoredLetter(
        **(values | {"status": Status(values["status"]), "payload": values.get("payload")})
    )
