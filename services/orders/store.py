"""What has expired is deleted, tenant by tenant, in small batches."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import FAULTS, Database, Queries

_QUERIES = Queries.load(__package__)
_BATCH = 500
_EVERY_S = 60.0


class ExpiredKeys:
    """Deletes idempotency keys past their time, of tenants that were served since the last round.

    Row-level security lets nobody see all tenants at once; one that is never served again makes
    no new keys either.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._served: set[UUID] = set()

    def served(self, tenant_id: UUID) -> None:
        """Remembers a tenant for the next round."""
        self._served.add(tenant_id)

    async def run(self) -> None:
        """A round a minute, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            # Later is early enough: an expired key is free even while it is there.
            with suppress(*FAULTS):
                await self.delete()

    async def delete(self) -> int:
        """One round; how many keys it deleted."""
        tenants, self._served = self._served, set()
        return sum([await self._delete_of(tenant_id) for tenant_id in tenants])

    async def _delete_of(self, tenant_id: UUID) -> int:
        deleted = 0
        while True:
            async with self._database.tenant(tenant_id) as connection:
                tag = await connection.execute(
                    _QUERIES.delete_expired_keys, tenant_id, self._clock(), _BATCH
                )
            count = int(tag.rpartition(" ")[2])
            deleted += count
            if count < _BATCH:
                return deleted
