"""The promotions of all tenants: a row each, read through a cache."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from uuid import UUID

from services.chassis.data.cache import Cache, Versioned, pack, unpack
from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.postgres import FAULTS, Connection, Database, Queries
from services.orders.newest import Newest
from services.orders.promotions.customer import Customer
from services.orders.promotions.offers import Change, Offers, offers_of
from services.orders.promotions.promotion import Promotion

_QUERIES = Queries.load(__package__)


class PromotionStore:
    """Reads and changes promotions.

    A read asks the cache for the version, so every replica sees a change at once; documents
    cross the wire, and are decoded, only when the version is new here. Each change raises the
    cache's floor after its commit; should this process die in between, the change's event does.
    """

    def __init__(
        self,
        database: Database,
        keys: IdempotencyKeys,
        cache: Cache,
        notifier: OutboxNotifier,
        decode: Callable[[bytes], Promotion],
    ) -> None:
        self._database = database
        self._keys = keys
        self._cache = cache
        self._notifier = notifier
        self._decode = decode
        self._offers = Newest[Offers]()

    async def current(self, tenant_id: UUID) -> Offers:
        """The tenant's promotions as they are now."""
        known = self._offers.of(tenant_id)
        found = await self._cache.read(
            tenant_id, known.version if known else -1, partial(self._load, tenant_id)
        )
        if known is None or found.body is not None:
            known = offers_of(found.version, unpack(found.body or pack(())), self._decode)
        return self._offers.keep(tenant_id, known)

    async def promotions(self, tenant_id: UUID) -> Sequence[Promotion]:
        """The same, as `ports.CurrentPromotions`."""
        return tuple((await self.current(tenant_id)).promotions.values())

    async def change(
        self, scope: Scope, request: bytes, decide: Callable[[Offers], Change]
    ) -> Answer:
        """Changes one promotion, once for the scope's key and one change after the other.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            decide: given all promotions as they are; returns the change or raises a Failure.

        Raises:
            Failure: of `decide`; FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED, ABORTED
                REQUEST_IN_PROGRESS.
        """

        async def work(connection: Connection) -> bytes:
            version = await connection.fetchval(_QUERIES.next_version, scope.tenant_id)
            rows = await connection.fetch(_QUERIES.list_documents, scope.tenant_id)
            change = decide(offers_of(version, [row["document"] for row in rows], self._decode))
            where = scope.tenant_id, change.promotion_id
            if change.document is None:
                await connection.execute(_QUERIES.delete_promotion, *where)
            else:
                await connection.execute(_QUERIES.put_promotion, *where, change.document)
            return change.answer

        answer = await self._keys.run_once(scope, request, work)
        self._notifier.committed()
        # The change's event does it, too.
        with suppress(*FAULTS):
            async with self._database.tenant(scope.tenant_id) as connection:
                await self.invalidate(connection, scope.tenant_id)
        return answer

    async def invalidate(self, connection: Connection, tenant_id: UUID) -> bool:
        """Has the cache forget what is older than what the transaction sees."""
        version = await connection.fetchval(_QUERIES.read_version, tenant_id)
        return await self._cache.invalidate(tenant_id, version or 0)

    async def _load(self, tenant_id: UUID, known: int) -> Versioned:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES.read_promotions, tenant_id, known)
        version = row["version"] if row else 0
        if version == known:
            return Versioned(known, None)
        return Versioned(version, pack(row["documents"] if row else ()))


class CustomerStore:
    """Reads what customers have ordered, if any promotion asks for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, tenant_id: UUID, principal_id: str, promotions: Sequence[Promotion]
    ) -> Customer:
        """As `ports.CustomerOf`."""
        limited = [promotion.id for promotion in promotions if promotion.is_limited]
        if not limited:
            return Customer()
        async with self._database.tenant(tenant_id) as connection:
            orders = await connection.fetchval(_QUERIES.count_orders, tenant_id, principal_id)
            rows = await connection.fetch(_QUERIES.count_uses, tenant_id, principal_id, limited)
        return Customer(orders, {row["promotion_id"]: row["uses"] for row in rows})
