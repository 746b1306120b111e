"""The trust in agents as it was read last, per tenant."""

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
    """

    def __init__(
        self, reader: TrustReader, agent_ids: Sequence[str], now: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._agent_ids = tuple(agent_ids)
        self._now = now
        self._read: dict[UUID, _Read] = {}

    async def of(self, tenant_id: UUID) -> Mapping[str, Standing]:
        """The standing of each agent; an agent nothing is known of is missing."""
        known = self._read.get(tenant_id, _Read({}, 0.0))
        if self._now() < known.until:
            return known.standings
        # Others go on with what is known while this one asks.
        self._keep(tenant_id, known.standings, _RETRY_S)
        try:
            standings = await self._reader.trust_in(self._agent_ids)
        except Unavailable:
            return known.standings
        self._keep(tenant_id, standings, FRESH_S)
        return standings

    def forget(self, tenant_id: UUID) -> None:
        """Has the tenant's trust read anew; it has changed."""
        known = self._read.get(tenant_id)
        if known is not None:
            self._keep(tenant_id, known.standings, 0.0)

    def _keep(self, tenant_id: UUID, standings: Mapping[str, Standing], for_s: float) -> None:
        self._read.pop(tenant_id, None)
        self._read[tenant_id] = _Read(standings, self._now() + for_s)
        if len(self._read) > _MOST_TENANTS:
            del self._read[next(iter(self._read))]
