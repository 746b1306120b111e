"""The job that carries a transfer out."""

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.chassis.data.idempotency import Answer, Scope
from services.chassis.data.jobs import JobContext
from services.orders.catalog.editions import Change
from services.orders.catalog.ports import CurrentCatalog
from services.orders.transfers.convert import Content, read_content, write_content
from services.orders.transfers.store import TransferStore
from services.orders.transfers.transfer import OUR_FAULT, Counts, Transfer, Unreadable


class ChangeCatalog(Protocol):
    """Changes a catalog, as `CatalogStore.change`."""

    async def __call__(
        self, scope: Scope, request: bytes, decide: Callable[[bytes], Change]
    ) -> Answer:
        """Once for the scope's key; raises what `decide` raises."""
        ...


class _Overtaken(Exception):
    """Somebody else has changed the catalog meanwhile."""

    def __init__(self, document: bytes) -> None:
        super().__init__("the catalog changed meanwhile")
        self.document = document


class Transferring:
    """Takes catalogs in and gives them out, in a process of its own where that takes long.

    A job that runs again finds its transfer where it was left: the catalog is replaced once for
    the transfer's id, and an end once written stays. The last of `attempts` is an end as well: who
    waits for the transfer waits for nothing more.
    """

    def __init__(
        self,
        store: TransferStore,
        catalog: CurrentCatalog,
        change: ChangeCatalog,
        clock: Callable[[], datetime],
        attempts: int,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._change_catalog = change
        self._clock = clock
        self._attempts = attempts

    async def run(self, job: JobContext) -> None:
        """The transfer that `transfer_id` of the job's arguments names."""
        transfer_id = UUID(str(job.args["transfer_id"]))
        transfer = await self._store.get(job.tenant_id, transfer_id)
        if transfer is None or transfer.end_time is not None:
            return
        await self._store.tell(job.tenant_id, transfer_id, 0, 0)
        try:
            await (self._take_in if transfer.is_import else self._give_out)(job, transfer)
        except Exception:
            if job.attempt >= self._attempts:
                await self._store.fail(job.tenant_id, transfer_id, [OUR_FAULT], self._clock())
            raise

    async def _take_in(self, job: JobContext, transfer: Transfer) -> None:
        tenant_id, transfer_id = job.tenant_id, transfer.transfer_id
        text = await self._store.content(tenant_id, transfer_id)
        current = (await self._catalog(tenant_id)).document
        while True:
            try:
                content: Content = await job.compute(
                    read_content, transfer.format, transfer.mode, text, current
                )
                await self._store.tell(tenant_id, transfer_id, 0, content.products)
                await job.progress(0, content.products)
                counts = await self._change(transfer, tenant_id, content, current)
                break
            except Unreadable as unreadable:
                await self._store.fail(tenant_id, transfer_id, unreadable.problems, self._clock())
                return
            except _Overtaken as overtaken:
                current = overtaken.document
        await self._store.finish_import(
            tenant_id, transfer_id, content.products, counts, self._clock()
        )
        await job.progress(content.products, content.products)

    async def _change(
        self, transfer: Transfer, tenant_id: UUID, content: Content, current: bytes
    ) -> Counts:
        """Changes the catalog, if it is still the one the content was read for; what changed.

        Raises:
            _Overtaken: it is not.
        """
        if transfer.is_dry_run:
            return content.counts

        def decide(document: bytes) -> Change:
            if document != current:
                raise _Overtaken(document)
            return Change(content.document, _packed(content.counts))

        scope = Scope(tenant_id, transfer.asked_by, "ImportCatalog.job", transfer.transfer_id.hex)
        # A run before this one may have changed the catalog, and died: its answer counts.
        return _unpacked((await self._change_catalog(scope, b"", decide)).body)

    async def _give_out(self, job: JobContext, transfer: Transfer) -> None:
        edition = await self._catalog(job.tenant_id)
        text = await job.compute(write_content, transfer.format, edition.document)
        products = len(edition.catalog.products)
        await self._store.finish_export(
            job.tenant_id, transfer.transfer_id, products, text, self._clock()
        )
        await job.progress(products, products)


def _packed(counts: Counts) -> bytes:
    return struct.pack("!3I", counts.added, counts.changed, counts.removed)


def _unpacked(body: bytes) -> Counts:
    return Counts(*struct.unpack("!3I", body))
