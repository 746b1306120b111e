"""The trust in agents as it was read last, per tenant."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.coordinator.routing.ports import Standing, TrustReader, Unavailable

FRESH_S = 30.0
_RETRY_S = 5.0
_MOST_TENANTS = 10_000


@dataclass(frozen=True, slots=True)
class _Read:
    standings: Mapping[str, Standing]
    until: float


class KnownTrust:
    """Reads trust at most once in 30 s per tenant; what was known is kept while nobody answers.

    Args:
        reader: who is asked.
        agent_ids: about whom.
        now: seconds on a clock that never goes back.
        follow: told of each tenant whose trust is known, so that changes can be told to `forget`.
    """

    def __init__(
        self,
        reader: TrustReader,
        agent_ids: Sequence[str],
        now: Callable[[], float],
        follow: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        self._reader = reader
        self._follow = follow
        self._agent_ids = tuple(agent_ids)
        self._now = now
        self._read: dict[UUID, _Read] = {}
        self._asking: dict[UUID, asyncio.Task[Mapping[str, Standing]]] = {}

    async def of(self, tenant_id: UUID) -> Mapping[str, Standing]:
        """The standing of each agent; an agent nothing is known of is missing."""
        known = self._read.get(tenant_id)
        if known is not None and self._now() < known.until:
            return known.standings
        asking = self._asking.get(tenant_id)
        if asking is None:
            asking = asyncio.create_task(self._ask(tenant_id))
            self._asking[tenant_id] = asking
            asking.add_done_callback(lambda _: self._asking.pop(tenant_id, None))
        # Whoever asked first may leave before the answer comes.
        return await asyncio.shield(asking)

    def forget(self, tenant_id: UUID) -> None:
        """Has the tenant's trust read anew; it has changed."""
        known = self._read.get(tenant_id)
        if known is not None:
            self._keep(tenant_id, known.standings, 0.0)

    async def _ask(self, tenant_id: UUID) -> Mapping[str, Standing]:
        self._follow(tenant_id)
        try:
            standings = await self._reader.trust_in(self._agent_ids)
        except Unavailable:
            known = self._read.get(tenant_id)
            standings = known.standings if known else {}
            self._keep(tenant_id, standings, _RETRY_S)
        else:
            self._keep(tenant_id, standings, FRESH_S)
        return standings

    def _keep(self, tenant_id: UUID, standings: Mapping[str, Standing], for_s: float) -> None:
        self._read.pop(tenant_id, None)
        self._read[tenant_id] = _Read(standings, self._now() + for_s)
        if len(self._read) > _MOST_TENANTS:
            del self._read[next(iter(self._read))]
