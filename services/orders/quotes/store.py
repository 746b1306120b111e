"""Quotes: written once for a key, read by their owner."""

from collections.abc import Callable
from uuid import UUID

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.postgres import Connection, Database, Queries
from services.orders.quotes.quote import StoredQuote
from services.orders.quotes.recent import RecentQuotes

_QUERIES = Queries.load(__package__)
DELETE_EXPIRED = _QUERIES.delete_expired_quotes


class QuoteStore:
    """Reads and writes quotes, and remembers what it wrote."""

    def __init__(self, database: Database, keys: IdempotencyKeys, recent: RecentQuotes) -> None:
        self._database = database
        self._keys = keys
        self._recent = recent

    async def create(
        self,
        scope: Scope,
        request: bytes,
        make: Callable[[], tuple[StoredQuote, bytes]],
    ) -> Answer:
        """Keeps a quote, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            make: called only for a new key; the quote and its answer.
        """

        made: StoredQuote | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal made
            quote, answer = make()
            await connection.execute(
                _QUERIES.insert_quote,
                scope.tenant_id,
                quote.quote_id,
                quote.principal_id,
                quote.cart,
                quote.create_time,
                quote.expire_time,
                quote.signature,
            )
            made = quote
            return answer

        answer = await self._keys.run_once(scope, request, work)
        if made is not None:
            self._recent.keep(scope.tenant_id, made)
        return answer

    async def get(self, tenant_id: UUID, quote_id: UUID, owner: str | None) -> StoredQuote | None:
        """The quote, if there is one and `owner` (None: anyone) owns it."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.read_quote, tenant_id, quote_id, owner)
        return StoredQuote(**dict(row)) if row else None
