"""Ingestion: documents that wait are cut up, embedded and put in, one after another.

An ingestion is held under a lease. Who dies with it is followed, after the lease's term, by
another, who begins anew: nothing of it can be seen before the one transaction that ends it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from services.chassis.data.leases import while_renewed
from services.chassis.data.postgres import FAULTS
from services.retrieval.documents.chunking import Passage, chunk_texts, cut
from services.retrieval.documents.document import Draft
from services.retrieval.documents.reading import read
from services.retrieval.documents.section import Unreadable
from services.retrieval.documents.store import (
    Claim,
    DocumentStore,
    LostClaim,
    Sent,
    StoredChunk,
    StoredPassage,
)
from services.retrieval.embedding import Vector, WordEmbedding
from services.retrieval.metrics import RetrievalMetrics
from services.retrieval.search.passages import packed

_BATCH = 64

_log = structlog.get_logger(__name__)


class Ingester:
    """One at work; any number of processes may have one.

    Args:
        store: where ingestions wait.
        embedding: of the index.
        new_id: makes chunks' ids.
        clock: for the times of changes.
        poll_s: seconds after which it looks for work nobody told of.
        finished: told a tenant and the generation its index is of now.
        metrics: what is counted.
    """

    def __init__(
        self,
        store: DocumentStore,
        embedding: WordEmbedding,
        new_id: Callable[[], UUID],
        clock: Callable[[], datetime],
        poll_s: float,
        finished: Callable[[UUID, int], None],
        metrics: RetrievalMetrics,
    ) -> None:
        self._store = store
        self._embedding = embedding
        self._new_id = new_id
        self._clock = clock
        self._poll_s = poll_s
        self._finished = finished
        self._metrics = metrics
        self._sent = asyncio.Event()

    def sent(self) -> None:
        """To be called after a document was sent; telling it late or never only costs time."""
        self._sent.set()

    async def run(self) -> None:
        """Ingests what waits, until cancelled."""
        while True:
            self._sent.clear()
            try:
                while claim := await self._store.claim():
                    await self._ingest(claim)
            except FAULTS as error:
                _log.warning("ingestion.unavailable", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._sent.wait()

    async def _ingest(self, claim: Claim) -> None:
        """Brings in what is claimed; what it cannot is left to the end of the lease.

        Who is told to stop gives it back first.
        """
        try:
            await while_renewed(self._bring_in(claim), lambda: self._store.renew(claim))
        except LostClaim:
            _log.info("ingestion.lost", ingestion=claim.ingestion_id.hex)
        except asyncio.CancelledError:
            with contextlib.suppress(*FAULTS):
                await asyncio.shield(self._store.release(claim))
            raise
        except FAULTS:
            raise
        except Exception:  # noqa: BLE001 - one document must not stop those behind it
            _log.exception("ingestion.crashed", ingestion=claim.ingestion_id.hex)

    async def _bring_in(self, claim: Claim) -> None:
        sent = await self._store.sent(claim)
        try:
            passages = await asyncio.to_thread(self._cut, sent.draft)
        except Unreadable as problem:
            await self._store.fail(claim, str(problem), self._clock())
            self._metrics.ingestions.labels("failed").inc()
            return
        vectors = await self._embed(claim, sent.draft.title, passages)
        await self._finish(claim, sent, passages, vectors)

    def _cut(self, draft: Draft) -> list[Passage]:
        sections = read(draft.media_type, draft.content)
        return list(cut(sections, draft.kind, self._embedding.token_ends))

    async def _embed(
        self, claim: Claim, title: str, passages: Sequence[Passage]
    ) -> Sequence[Vector]:
        """A vector for each chunk of all passages, in order."""
        texts = [text for passage in passages for text in chunk_texts(title, passage)]
        vectors: list[Vector] = []
        for begin in range(0, len(texts), _BATCH):
            await self._store.tell_progress(claim, begin, len(texts))
            batch = texts[begin : begin + _BATCH]
            vectors.extend(await asyncio.to_thread(self._embedding.embed, batch))
            self._metrics.chunks.inc(len(batch))
        return vectors

    async def _finish(
        self, claim: Claim, sent: Sent, passages: Sequence[Passage], vectors: Sequence[Vector]
    ) -> None:
        following = iter(vectors)
        stored = [
            StoredPassage(
                passage.headings,
                passage.text,
                tuple(
                    StoredChunk(self._new_id(), chunk.start, chunk.end, packed(next(following)))
                    for chunk in passage.chunks
                ),
            )
            for passage in passages
        ]
        generation = await self._store.finish(claim, sent, stored, self._clock())
        self._finished(claim.tenant_id, generation)
        self._metrics.ingestions.labels("finished").inc()
