"""Documents and their ingestions. Every change of what can be found is one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.leases import TERM_S
from services.chassis.data.outbox import OutboxEvent, OutboxNotifier, append
from services.chassis.data.postgres import Connection, Database, Queries
from services.retrieval.documents.document import (
    Document,
    DocumentKind,
    Draft,
    Ingestion,
    IngestionState,
    MediaType,
    Position,
)

_QUERIES = Queries.load(__package__)
# A process that dies at every attempt dies of the document.
ATTEMPTS = 5
DELETE_OLD = (_QUERIES.delete_old_ingestions, _QUERIES.delete_old_changes)

# The event that a tenant's index is of a generation, because of a document.
TellChange = Callable[[UUID, int, UUID, datetime], OutboxEvent]


@dataclass(frozen=True, slots=True)
class Claim:
    """An ingestion held under a lease, with its fencing epoch."""

    tenant_id: UUID
    ingestion_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What an ingestion is to bring in."""

    document_id: UUID
    revision: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is kept: `embedding` is little-endian float16 of length 1."""

    chunk_id: UUID
    start: int
    end: int
    embedding: bytes


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage as it is kept."""

    headings: tuple[str, ...]
    content: str
    chunks: tuple[StoredChunk, ...]


class LostClaim(Exception):
    """Somebody else holds the ingestion, or it is no more."""


class DocumentStore:
    """Reads and writes documents, and wakes the relay after each change."""

    def __init__(
        self,
        database: Database,
        keys: IdempotencyKeys,
        notifier: OutboxNotifier,
        tell_change: TellChange,
    ) -> None:
        self._database = database
        self._keys = keys
        self._notifier = notifier
        self._tell_change = tell_change

    async def send(
        self,
        scope: Scope,
        request: bytes,
        draft: Draft,
        new_id: Callable[[], UUID],
        now: datetime,
        answer: Callable[[Document, Ingestion], bytes],
    ) -> Answer:
        """Keeps a document to be ingested, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            draft: the document.
            new_id: makes ids.
            now: the time it came.
            answer: renders what is answered now and to repetitions.
        """

        async def work(connection: Connection) -> bytes:
            described = (draft.title, draft.kind, draft.media_type)
            row = await connection.fetchrow(
                _QUERIES.send_document,
                *(scope.tenant_id, new_id(), draft.source, *described, draft.size_bytes, now),
            )
            assert row is not None  # noqa: S101 - an upsert returns its row
            ingestion = Ingestion(new_id(), row["document_id"])
            await connection.execute(
                _QUERIES.insert_ingestion,
                *(scope.tenant_id, ingestion.ingestion_id, row["document_id"], row["revision"]),
                *(*described, draft.content, now),
            )
            document = Document(
                document_id=row["document_id"],
                title=draft.title,
                kind=draft.kind,
                source=draft.source,
                media_type=draft.media_type,
                chunks=0,
                size_bytes=draft.size_bytes,
                create_time=row["create_time"],
                update_time=now,
            )
            return answer(document, ingestion)

        return await self._keys.run_once(scope, request, work)

    async def get(self, tenant_id: UUID, document_id: UUID) -> Document | None:
        """The document, if there is one."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.get_document, tenant_id, document_id)
        return _document(row) if row else None

    async def page(self, tenant_id: UUID, after: Position | None, limit: int) -> list[Document]:
        """At most `limit` documents by title after a position; None from the first."""
        title, document_id = (after.title, after.document_id) if after else (None, None)
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(
                _QUERIES.list_documents, tenant_id, title, document_id, limit
            )
        return [_document(row) for row in rows]

    async def ingestion(self, tenant_id: UUID, ingestion_id: UUID) -> Ingestion | None:
        """The ingestion, if there is one."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.get_ingestion, tenant_id, ingestion_id)
        return _ingestion(row) if row else None

    async def delete(self, tenant_id: UUID, document_id: UUID, now: datetime) -> int | None:
        """Removes a document and all that was made of it.

        Returns:
            The generation without it; None if there was no such document.
        """
        async with self._database.tenant(tenant_id) as connection:
            identity = (tenant_id, document_id)
            if await connection.fetchval(_QUERIES.delete_document, *identity) is None:
                return None
            await connection.execute(_QUERIES.delete_ingestions, *identity)
            await _delete_pieces(connection, *identity)
            generation = await self._changed(connection, *identity, now)
        self._notifier.committed()
        return generation

    async def claim(self) -> Claim | None:
        """Takes the ingestion that has waited longest, of any tenant; None if nothing waits."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES.claim_ingestion, TERM_S, ATTEMPTS)
        return Claim(row["tenant_id"], row["ingestion_id"], row["epoch"]) if row else None

    async def renew(self, claim: Claim) -> None:
        """Holds a claim for another term. LostClaim if it is somebody else's."""
        async with self._database.tenant(claim.tenant_id) as connection:
            kept = await connection.fetchval(_QUERIES.renew_ingestion, *_held(claim), TERM_S)
        if kept is None:
            raise LostClaim

    async def release(self, claim: Claim) -> None:
        """Gives a claim back, for whoever comes next."""
        async with self._database.tenant(claim.tenant_id) as connection:
            await connection.execute(_QUERIES.release_ingestion, *_held(claim))

    async def sent(self, claim: Claim) -> Sent:
        """What was sent. LostClaim if the claim is somebody else's."""
        async with self._database.tenant(claim.tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.read_draft, *_held(claim))
        if row is None:
            raise LostClaim
        draft = Draft(
            title=row["title"],
            kind=DocumentKind(row["kind"]),
            source=row["source"],
            media_type=MediaType(row["media_type"]),
            content=row["content"],
        )
        return Sent(row["document_id"], row["revision"], draft)

    async def tell_progress(self, claim: Claim, done: int, total: int) -> None:
        """Says how many chunks are embedded, of how many."""
        async with self._database.tenant(claim.tenant_id) as connection:
            await connection.execute(_QUERIES.tell_progress, *_held(claim), done, total)

    async def fail(self, claim: Claim, problem: str, now: datetime) -> None:
        """Ends an ingestion that came to nothing. LostClaim if it is somebody else's."""
        async with self._database.tenant(claim.tenant_id) as connection:
            await _end(connection, claim, IngestionState.FAILED, problem, 0, 0, now)

    async def finish(
        self, claim: Claim, sent: Sent, passages: Sequence[StoredPassage], now: datetime
    ) -> int:
        """Puts a document's pieces in the place of those before, and tells of it.

        Returns:
            The generation that holds it, or a later revision of it that was there before.

        Raises:
            LostClaim: the claim is somebody else's, or the document was deleted.
        """
        identity = (claim.tenant_id, sent.document_id)
        chunks = sum(len(passage.chunks) for passage in passages)
        async with self._database.tenant(claim.tenant_id) as connection:
            indexed = await connection.fetchval(_QUERIES.lock_document, *identity)
            if indexed is None:
                raise LostClaim
            if indexed < sent.revision:
                await _delete_pieces(connection, *identity)
                await _insert_pieces(connection, *identity, passages)
                await _describe(connection, identity, sent, chunks, now)
                generation = await self._changed(connection, *identity, now)
            else:
                generation = await connection.fetchval(_QUERIES.current_generation, claim.tenant_id)
            await _end(connection, claim, IngestionState.FINISHED, "", chunks, generation, now)
        self._notifier.committed()
        return generation

    async def _changed(
        self, connection: Connection, tenant_id: UUID, document_id: UUID, now: datetime
    ) -> int:
        generation: int = await connection.fetchval(_QUERIES.next_generation, tenant_id)
        await connection.execute(_QUERIES.insert_change, tenant_id, generation, document_id, now)
        await append(connection, self._tell_change(tenant_id, generation, document_id, now))
        return generation


def _held(claim: Claim) -> tuple[UUID, UUID, int]:
    return claim.tenant_id, claim.ingestion_id, claim.epoch


async def _end(
    connection: Connection,
    claim: Claim,
    state: IngestionState,
    problem: str,
    chunks: int,
    generation: int,
    now: datetime,
) -> None:
    ended = await connection.fetchval(
        _QUERIES.end_ingestion, *_held(claim), state, problem, chunks, generation, now
    )
    if ended is None:
        raise LostClaim


async def _describe(
    connection: Connection, identity: tuple[UUID, UUID], sent: Sent, chunks: int, now: datetime
) -> None:
    draft = sent.draft
    await connection.execute(
        _QUERIES.describe_document,
        *(*identity, draft.title, draft.kind, draft.media_type, draft.size_bytes),
        *(chunks, sent.revision, now),
    )


async def _delete_pieces(connection: Connection, tenant_id: UUID, document_id: UUID) -> None:
    await connection.execute(_QUERIES.delete_chunks, tenant_id, document_id)
    await connection.execute(_QUERIES.delete_passages, tenant_id, document_id)


async def _insert_pieces(
    connection: Connection, tenant_id: UUID, document_id: UUID, passages: Sequence[StoredPassage]
) -> None:
    await connection.executemany(
        _QUERIES.insert_passage,
        [
            (tenant_id, document_id, number, passage.headings, passage.content)
            for number, passage in enumerate(passages)
        ],
    )
    rows = [
        (number, position, chunk)
        for number, passage in enumerate(passages)
        for position, chunk in enumerate(passage.chunks)
    ]
    await connection.execute(
        _QUERIES.insert_chunks,
        tenant_id,
        document_id,
        [number for number, _, _ in rows],
        [position for _, position, _ in rows],
        [chunk.chunk_id for _, _, chunk in rows],
        [chunk.start for _, _, chunk in rows],
        [chunk.end for _, _, chunk in rows],
        [chunk.embedding for _, _, chunk in rows],
    )


def _document(row: asyncpg.Record) -> Document:
    return Document(
        document_id=row["document_id"],
        title=row["title"],
        kind=DocumentKind(row["kind"]),
        source=row["source"],
        media_type=MediaType(row["media_type"]),
        chunks=row["chunks"],
        size_bytes=row["size_bytes"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _ingestion(row: asyncpg.Record) -> Ingestion:
    return Ingestion(
        ingestion_id=row["ingestion_id"],
        document_id=row["document_id"],
        state=IngestionState(row["state"]),
        chunks_done=row["chunks_done"],
        chunks_total=row["chunks_total"],
        problem=row["problem"],
        generation=row["generation"],
    )
