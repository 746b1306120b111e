"""News of trust: a tenant's trust is read anew once an event says that it has changed."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from services.chassis.data.streams import Reset, SlowConsumer, StreamReader

TRUST_CHANGED = "maitred.trust.v1"
_MOST_WAITING = 100


class TrustNews:
    """Listens to the events of tenants whose trust is known.

    Nothing is lost where it hears nothing: what is known grows old by itself.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._followed: set[UUID] = set()
        self._new: asyncio.Queue[UUID] = asyncio.Queue()

    def follow(self, tenant_id: UUID) -> None:
        """Listens to a tenant's events from now on."""
        if tenant_id not in self._followed:
            self._followed.add(tenant_id)
            self._new.put_nowait(tenant_id)

    async def run(self, changed: Callable[[UUID], None]) -> None:
        """Tells of each tenant whose trust has changed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reader.run())
            while True:
                group.create_task(self._listen(await self._new.get(), changed))

    async def _listen(self, tenant_id: UUID, changed: Callable[[UUID], None]) -> None:
        while True:
            try:
                async with self._reader.subscribe(tenant_id, None, _MOST_WAITING) as events:
                    async for item in events:
                        if isinstance(item, Reset) or item.type == TRUST_CHANGED:
                            changed(tenant_id)
            except SlowConsumer:
                changed(tenant_id)
