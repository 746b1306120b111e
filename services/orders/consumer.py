"""What a tenant sells has changed: the caches forget what they had of it.

Whoever changes it does the same after the commit. This is for when that process died in between,
for stock that ran out as an order was placed, and for what other processes changed.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.chassis.data.postgres import Connection
from services.chassis.data.streams import StreamEvent

TYPES = frozenset({"maitred.catalog.v1"})

Invalidate = Callable[[Connection, UUID], Awaitable[bool]]
"""Forgets a tenant's copies older than what a transaction sees; whether Redis could be told."""


class ForgetCopies:
    """The effect of events."""

    def __init__(self, *kinds: Invalidate) -> None:
        self._kinds = kinds

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        """Has every kind of copy forgotten that is outdated.

        Raises:
            ConnectionError: Redis could not be told now.
        """
        for invalidate in self._kinds:
            if not await invalidate(connection, event.tenant_id):
                raise ConnectionError("the cache did not answer")
