"""Quotes this process made and has not been asked to place yet.

Most quotes are placed where they were made, some seconds later, and a quote never changes: whoever
places one need not read it again, if its row is still what is remembered here.
"""

from uuid import UUID

from services.orders.quotes.quote import StoredQuote

_MOST_BYTES = 4 * 1024 * 1024
# What an entry takes beside its cart: the ids, the times and the signature.
_ENTRY_BYTES = 1024


class RecentQuotes:
    """The newest quotes made here; what is over `most_bytes` in all is forgotten."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._quotes: dict[tuple[UUID, UUID], StoredQuote] = {}
        self._bytes = 0

    def keep(self, tenant_id: UUID, quote: StoredQuote) -> None:
        """Remembers a quote that was just made, and forgets those that have run out since."""
        self._quotes[tenant_id, quote.quote_id] = quote
        self._bytes += _size(quote)
        while self._quotes:
            key, oldest = next(iter(self._quotes.items()))
            if self._bytes <= self._most_bytes and oldest.expire_time > quote.create_time:
                break
            self.take(*key)

    def take(self, tenant_id: UUID, quote_id: UUID) -> StoredQuote | None:
        """A quote, which is forgotten by that; None if it is not remembered."""
        quote = self._quotes.pop((tenant_id, quote_id), None)
        if quote is not None:
            self._bytes -= _size(quote)
        return quote


def _size(quote: StoredQuote) -> int:
    return len(quote.cart) + _ENTRY_BYTES
