"""The catalogs of all tenants: one row each, replaced whole, read through a cache."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from services.chassis.data.cache import Cache, Versioned, pack, unpack
from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.postgres import FAULTS, Connection, Database, Queries
from services.orders.catalog.editions import Change, Edition
from services.orders.catalog.model import Catalog
from services.orders.catalog.serving import Served, Stock, serve
from services.orders.newest import Newest

_QUERIES = Queries.load(__package__)


@dataclass(frozen=True, slots=True)
class StockChange:
    """How many there shall be, None to count them no more, and the answer's bytes."""

    count: int | None
    answer: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A catalog at a revision, which counts imports and changes of stock, as served in a minute."""

    revision: int
    version: int
    document: bytes
    catalog: Catalog
    stock: Stock
    minute: datetime | None
    served: Served


class CatalogStore:
    """Reads and replaces catalogs, and counts stock.

    A read asks the cache for the revision, so every replica sees a change at once; the document
    crosses the wire, and is decoded, only when it is new here. Each change raises the cache's floor
    after its commit; should this process die in between, the change's event does.
    """

    def __init__(
        self,
        database: Database,
        keys: IdempotencyKeys,
        cache: Cache,
        notifier: OutboxNotifier,
        decode: Callable[[bytes], Catalog],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keys = keys
        self._cache = cache
        self._notifier = notifier
        self._decode = decode
        self._clock = clock
        self._newest = Newest[_Kept]()

    async def current(self, tenant_id: UUID) -> Edition:
        """The tenant's catalog as it is served now."""
        kept = self._newest.of(tenant_id)
        found = await self._cache.read(
            tenant_id, kept.revision if kept else -1, partial(self._load, tenant_id)
        )
        kept = self._newest.keep(tenant_id, self._served(kept, found))
        return Edition(tenant_id, kept.version, kept.document, kept.stock, kept.served)

    async def stock(self, tenant_id: UUID, product_ids: Collection[str]) -> Mapping[str, int]:
        """How many are left of those of these products that are counted, as the database says."""
        if not product_ids:
            return {}
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.read_stock, tenant_id, list(product_ids))
        return {row["product_id"]: row["count"] for row in rows}

    async def replace(
        self, scope: Scope, request: bytes, document: bytes, answer: bytes, now: datetime
    ) -> Answer:
        """Replaces the catalog, once for the scope's key.

        Args:
            scope: whose catalog, and the key.
            request: what the key stands for.
            document: the new catalog.
            answer: what is answered now and to repetitions.
            now: the time of the import.
        """

        async def work(connection: Connection) -> bytes:
            await connection.execute(_QUERIES.replace_catalog, scope.tenant_id, document, now)
            return answer

        return await self._run(scope, request, work)

    async def change(
        self, scope: Scope, request: bytes, decide: Callable[[bytes], Change]
    ) -> Answer:
        """Changes the catalog, once for the scope's key and one change after the other.

        Args:
            scope: whose catalog, and the key.
            request: what the key stands for.
            decide: given the document as it is; returns the change or raises a Failure.

        Raises:
            Failure: of `decide`; FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED, ABORTED
                REQUEST_IN_PROGRESS.
        """

        async def work(connection: Connection) -> bytes:
            document = await connection.fetchval(_QUERIES.lock_catalog, scope.tenant_id)
            change = decide(document or b"")
            if change.document is not None:
                await connection.execute(
                    _QUERIES.replace_catalog, scope.tenant_id, change.document, self._clock()
                )
            return change.answer

        return await self._run(scope, request, work)

    async def count_stock(
        self,
        scope: Scope,
        request: bytes,
        product_id: str,
        decide: Callable[[int | None], StockChange],
    ) -> Answer:
        """Changes how many are left of a product, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            product_id: the product.
            decide: given how many there are, None where they are not counted; returns the change
                or raises a Failure.

        Raises:
            Failure: as of `change`.
        """

        async def work(connection: Connection) -> bytes:
            where = scope.tenant_id, product_id
            before = await connection.fetchval(_QUERIES.lock_stock, *where)
            change = decide(before)
            after = change.count
            if after is None:
                await connection.execute(_QUERIES.delete_stock, *where)
            elif after != before:
                await connection.execute(_QUERIES.put_stock, *where, after)
            if (before is None, before == 0) != (after is None, after == 0):
                await connection.execute(_QUERIES.stock_changed, scope.tenant_id)
            return change.answer

        return await self._run(scope, request, work)

    async def invalidate(self, connection: Connection, tenant_id: UUID) -> bool:
        """Has the cache forget what is older than what the transaction sees."""
        # Only after a commit is the revision larger than that of every state before it.
        revision = await connection.fetchval(_QUERIES.read_revision, tenant_id)
        return await self._cache.invalidate(tenant_id, revision or 0)

    async def _run(
        self, scope: Scope, request: bytes, work: Callable[[Connection], Awaitable[bytes]]
    ) -> Answer:
        answer = await self._keys.run_once(scope, request, work)
        self._notifier.committed()
        # The change's event does it, too.
        with suppress(*FAULTS):
            async with self._database.tenant(scope.tenant_id) as connection:
                await self.invalidate(connection, scope.tenant_id)
        return answer

    async def _load(self, tenant_id: UUID, known: int) -> Versioned:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES.read_catalog, tenant_id, known)
        if row is None:
            return Versioned(0, None if known == 0 else pack([_header(0, (), ()), b""]))
        if row["revision"] == known:
            return Versioned(known, None)
        header = _header(row["version"], row["counted"], row["sold_out"])
        return Versioned(row["revision"], pack([header, row["document"]]))

    def _served(self, kept: _Kept | None, found: Versioned) -> _Kept:
        """What was found, decoded as far as it is new here, as it is served now."""
        now = self._clock()
        if kept is None or found.body is not None:
            kept = self._decoded(kept, found.version, found.body or b"", now)
        minute = _minute_of(now, kept.catalog)
        if kept.minute != minute:
            served = serve(kept.catalog, kept.stock, now, kept.served)
            kept = replace(kept, minute=minute, served=served)
        return kept

    def _decoded(self, before: _Kept | None, revision: int, body: bytes, now: datetime) -> _Kept:
        header, document = unpack(body)
        said = json.loads(header)
        is_known = before is not None and before.version == said["version"]
        catalog = before.catalog if before and is_known else self._decode(document)
        stock = Stock(frozenset(said["counted"]), frozenset(said["sold_out"]))
        return _Kept(
            revision,
            said["version"],
            document,
            catalog,
            stock,
            _minute_of(now, catalog),
            serve(catalog, stock, now, before.served if before and is_known else None),
        )


def _header(version: int, counted: Collection[str], sold_out: Collection[str]) -> bytes:
    said = {"version": version, "counted": list(counted), "sold_out": list(sold_out)}
    return json.dumps(said).encode()


def _minute_of(now: datetime, catalog: Catalog) -> datetime | None:
    """The minute in which a catalog is served the same; None if it always is."""
    return now.replace(second=0, microsecond=0) if catalog.has_windows else None
