"""Indexes as Postgres keeps them: read whole, or what has changed since a generation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.chassis.data.postgres import Connection, Database, Queries
from services.retrieval.search.passages import (
    Chunk,
    Indexed,
    IndexedDocument,
    Passage,
    Source,
    unpacked,
)

_QUERIES = Queries.load(__package__)
_ROWS_AHEAD = 200


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A tenant's index at one moment, while the transaction that sees it is open.

    Attributes:
        generation: of the index.
        changed: documents that came, changed or went since the generation asked for; None if
            that is not known any more, or nothing was asked for: `documents` are all there are.
    """

    generation: int
    changed: frozenset[UUID] | None
    connection: Connection
    tenant_id: UUID

    async def documents(self) -> AsyncIterator[IndexedDocument]:
        """The documents that changed, as they are now; those that went are not among them."""
        chosen = None if self.changed is None else list(self.changed)
        source: Source | None = None
        passages: list[Indexed] = []
        async for row in self.connection.cursor(
            _QUERIES.passages_of, self.tenant_id, chosen, prefetch=_ROWS_AHEAD
        ):
            if source is None or row["document_id"] != source.document_id:
                if source is not None:
                    yield IndexedDocument(source, tuple(passages))
                source, passages = _source(row), []
            passages.append(_indexed(row))
        if source is not None:
            yield IndexedDocument(source, tuple(passages))


class IndexStore:
    """Reads what can be found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def generation(self, tenant_id: UUID) -> int:
        """The tenant's generation; 0 before the first."""
        async with self._database.connection() as connection:
            generation: int = await connection.fetchval(_QUERIES.read_generation, tenant_id)
        return generation

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID, since: int | None) -> AsyncIterator[Snapshot]:
        """The index now, or what has changed since a generation; None for all of it."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_QUERIES.begin_snapshot)
            generation = await connection.fetchval(_QUERIES.current_generation, tenant_id) or 0
            changed = None
            if since is not None and since <= generation:
                rows = await connection.fetch(_QUERIES.changes_since, tenant_id, since)
                # Old changes are deleted: with one missing, nobody knows what went with it.
                if len(rows) == generation - since:
                    changed = frozenset(row["document_id"] for row in rows)
            yield Snapshot(generation, changed, connection, tenant_id)


def _source(row: asyncpg.Record) -> Source:
    return Source(row["document_id"], row["title"], row["source"], row["kind"])


def _indexed(row: asyncpg.Record) -> Indexed:
    chunks = tuple(map(Chunk, row["chunk_ids"], row["starts"], row["ends"]))
    return Indexed(
        Passage(tuple(row["headings"]), row["content"], chunks),
        unpacked(row["embeddings"], len(chunks)),
    )
