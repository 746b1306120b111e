"""What has expired is deleted, tenant by tenant, in small batches."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.chassis.data.postgres import FAULTS, Database

# What expires lives for two days at most: a tenant's last rows are deleted before it is forgotten.
REMEMBERED = timedelta(hours=50)
_BATCH = 500
_EVERY_S = 600.0

_log = structlog.get_logger(__name__)


class Expiry:
    """Deletes expired rows of tenants that this process has served lately.

    Row-level security lets nobody see all tenants at once; rows of a tenant that no running process
    has served wait until it is served again.

    Args:
        database: the service's own.
        clock: for what has expired, and who is remembered.
        statements: each deletes up to $3 rows of tenant $1 that have expired at $2.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime], statements: Sequence[str]
    ) -> None:
        self._database = database
        self._clock = clock
        self._statements = statements
        self._served: dict[UUID, datetime] = {}

    def served(self, tenant_id: UUID) -> None:
        """Remembers a tenant for `REMEMBERED`."""
        self._served[tenant_id] = self._clock()

    def tenants(self) -> tuple[UUID, ...]:
        """Tenants remembered."""
        since = self._clock() - REMEMBERED
        self._served = {one: at for one, at in self._served.items() if at >= since}
        return tuple(self._served)

    async def run(self) -> None:
        """A round every ten minutes, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.delete()

    async def delete(self) -> int:
        """One round; how many rows it deleted. What it cannot delete is left for the next."""
        return sum(
            [
                await self._delete(statement, tenant_id)
                for tenant_id in self.tenants()
                for statement in self._statements
            ]
        )

    async def _delete(self, statement: str, tenant_id: UUID) -> int:
        deleted = 0
        # Later is early enough: what has expired does not count even while it is there.
        try:
            while True:
                async with self._database.tenant(tenant_id) as connection:
                    tag = await connection.execute(statement, tenant_id, self._clock(), _BATCH)
                count = int(tag.rpartition(" ")[2])
                deleted += count
                if count < _BATCH:
                    return deleted
        except FAULTS as fault:
            _log.warning("expiry.put_off", tenant=str(tenant_id), error=type(fault).__name__)
            return deleted
