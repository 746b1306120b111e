"""The copies of indexes this process searches in: loaded when first needed, kept up to date."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from services.chassis.data.postgres import FAULTS
from services.chassis.rpc.errors import unavailable
from services.retrieval.metrics import RetrievalMetrics
from services.retrieval.search.index import NewIndex, TenantIndex
from services.retrieval.search.passages import IndexedDocument
from services.retrieval.search.store import IndexStore, Snapshot

_BATCH_CHUNKS = 2000
# A search waits this long for what may be newer than its copy, or for what is known to be; then it
# is answered from the copy.
_PATIENCE_S = 0.25
_PROMISED_S = 3.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Replica:
    """A tenant's copy; `wanted` is a generation known to be there, `asked_at` when it was asked."""

    index: TenantIndex | None = None
    wanted: int = 0
    asked_at: float = float("-inf")
    refreshing: "asyncio.Task[None] | None" = None

    @property
    def is_promised(self) -> bool:
        """Whether a newer generation than the copy's is known to be there."""
        return self.index is not None and self.index.generation < self.wanted


class Replicas:
    """Copies of the indexes of the tenants searched last.

    Args:
        store: the truth.
        new_index: makes an empty index.
        pool: threads for what takes a while.
        clock: monotonic seconds.
        refresh_s: a copy is believed for so long without asking for a newer generation.
        kept: copies kept.
        metrics: what is counted.
    """

    def __init__(
        self,
        store: IndexStore,
        new_index: NewIndex,
        pool: Executor,
        clock: Callable[[], float],
        refresh_s: float,
        kept: int,
        metrics: RetrievalMetrics,
    ) -> None:
        self._store = store
        self._new_index = new_index
        self._pool = pool
        self._clock = clock
        self._refresh_s = refresh_s
        self._kept = kept
        self._metrics = metrics
        self._replicas: OrderedDict[UUID, _Replica] = OrderedDict()

    def changed(self, tenant_id: UUID, generation: int) -> None:
        """Lets the next search of a copy that is older ask, however lately one did."""
        if replica := self._replicas.get(tenant_id):
            replica.wanted = max(replica.wanted, generation)

    async def current(self, tenant_id: UUID) -> TenantIndex:
        """The tenant's index, up to date unless the database is slow or away.

        Raises:
            Failure: UNAVAILABLE DEPENDENCY_UNAVAILABLE: there is no copy yet, and the database
                does not answer.
        """
        replica = self._replica(tenant_id)
        if replica.index is None:
            try:
                await asyncio.shield(self._refreshing(tenant_id, replica))
            except FAULTS as fault:
                raise unavailable("database") from fault
        elif replica.is_promised:
            await self._catch_up(tenant_id, replica, _PROMISED_S)
        elif self._clock() - replica.asked_at >= self._refresh_s:
            await self._catch_up(tenant_id, replica, _PATIENCE_S)
        assert replica.index is not None  # noqa: S101 - the first refresh made it or raised
        return replica.index

    def _replica(self, tenant_id: UUID) -> _Replica:
        replica = self._replicas.setdefault(tenant_id, _Replica())
        self._replicas.move_to_end(tenant_id)
        while len(self._replicas) > self._kept:
            self._replicas.popitem(last=False)
        self._metrics.indexes.set(len(self._replicas))
        return replica

    async def _catch_up(self, tenant_id: UUID, replica: _Replica, patience_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await asyncio.wait([self._refreshing(tenant_id, replica)])
                # That one may have been asked for before what is known now was there.
                while replica.is_promised:
                    await asyncio.wait([self._refreshing(tenant_id, replica)])

    def _refreshing(self, tenant_id: UUID, replica: _Replica) -> "asyncio.Task[None]":
        if replica.refreshing is None:
            replica.refreshing = asyncio.create_task(self._refreshed(tenant_id, replica))
            replica.refreshing.add_done_callback(lambda task: _ended(replica, task))
        return replica.refreshing

    async def _refreshed(self, tenant_id: UUID, replica: _Replica) -> None:
        replica.asked_at, wanted = self._clock(), replica.wanted
        try:
            generation = await self._store.generation(tenant_id)
            if replica.index is None or replica.index.generation != generation:
                await self._load(tenant_id, replica)
            if replica.wanted == wanted:
                # One that was there and is no more belonged to a database put back since.
                replica.wanted = min(wanted, generation)
        except FAULTS as error:
            replica.wanted = 0
            self._metrics.refresh_failures.inc()
            _log.warning("index.refresh_failed", error=type(error).__name__)
            raise

    async def _load(self, tenant_id: UUID, replica: _Replica) -> None:
        since = replica.index.generation if replica.index else None
        async with self._store.snapshot(tenant_id, since) as snapshot:
            if snapshot.changed is None or replica.index is None:
                index = await self._in_thread(self._new_index)
            else:
                index = replica.index
            await self._read_into(index, snapshot)
        replica.index = index

    async def _read_into(self, index: TenantIndex, snapshot: Snapshot) -> None:
        """Brings an index to a snapshot, in batches; only the last is of its generation."""
        gone = set(snapshot.changed or ())
        batch: list[IndexedDocument] = []
        chunks = 0
        async for document in snapshot.documents():
            batch.append(document)
            gone.discard(document.source.document_id)
            chunks += sum(len(indexed.passage.chunks) for indexed in document.passages)
            if chunks >= _BATCH_CHUNKS:
                await self._in_thread(index.replace, (), batch, index.generation)
                batch, chunks = [], 0
        await self._in_thread(index.replace, gone, batch, snapshot.generation)

    async def _in_thread(self, work: Callable[..., object], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


def _ended(replica: _Replica, task: "asyncio.Task[None]") -> None:
    replica.refreshing = None
    if not task.cancelled():
        # Read, so that nobody is told of a fault that was logged.
        task.exception()
