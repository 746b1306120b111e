"""The catalogs of all tenants: one row each, replaced whole, kept in memory by version."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.postgres import Connection, Database, Queries
from services.orders.catalog.editions import Edition
from services.orders.catalog.model import Catalog
from services.orders.newest import Newest

_QUERIES = Queries.load(__package__)


class CatalogStore:
    """Reads and replaces catalogs.

    A read asks the database for the version, so every replica sees an import at once; the document
    crosses the wire, and is decoded, only when the version is new here.
    """

    def __init__(
        self, database: Database, keys: IdempotencyKeys, decode: Callable[[bytes], Catalog]
    ) -> None:
        self._database = database
        self._keys = keys
        self._decode = decode
        self._editions = Newest[Edition]()

    async def current(self, tenant_id: UUID) -> Edition:
        """The tenant's catalog as it is now."""
        known = self._editions.of(tenant_id)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _QUERIES.read_catalog, tenant_id, known.version if known else 0
            )
        version, document = (row["version"], row["document"]) if row else (0, b"")
        if known is None or known.version != version:
            known = Edition(tenant_id, version, document, self._decode(document))
        return self._editions.keep(tenant_id, known)

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

        return await self._keys.run_once(scope, request, work)
