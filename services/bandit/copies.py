"""Policies kept in memory by every replica, as new as its last look at their versions."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from services.bandit.linucb import LinUcb
from services.bandit.metrics import BanditMetrics
from services.bandit.policy import SERVING, PolicySettings
from services.bandit.ranking import Knowledge
from services.bandit.store import PolicyStore
from services.chassis.data.postgres import FAULTS

_KEPT = 256
_LOOK_EVERY_S = 0.5
# A model is made anew when what it weighs observations by has moved this far.
_DRIFT = 0.001

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """A policy as it is known here, and its model at the weight it was made for."""

    knowledge: Knowledge
    model: LinUcb
    weight: float


class PolicyCopies:
    """The policies that were asked for lately, each at most a second behind the database.

    While the database is away they stay as they are.
    """

    def __init__(
        self,
        store: PolicyStore,
        serving: PolicySettings,
        clock: Callable[[], datetime],
        metrics: BanditMetrics,
    ) -> None:
        """Copies of policies in `store`; `serving` are the settings every tenant begins with."""
        self._store = store
        self._serving = serving
        self._clock = clock
        self._metrics = metrics
        self._kept: OrderedDict[tuple[UUID, str], Copy] = OrderedDict()
        self._wake = asyncio.Event()

    async def get(self, tenant_id: UUID, policy_id: str) -> Copy | None:
        """The policy; None if there is none. `serving` is made if it is not there yet."""
        key = (tenant_id, policy_id)
        if known := self._kept.get(key):
            self._kept.move_to_end(key)
            return known
        copy = await self.renew(tenant_id, policy_id)
        if copy is None and policy_id == SERVING:
            await self._store.make(tenant_id, policy_id, self._serving, self._clock())
            copy = await self.renew(tenant_id, policy_id)
        return copy

    async def renew(self, tenant_id: UUID, policy_id: str) -> Copy | None:
        """The policy as the database has it now; None if there is none."""
        key = (tenant_id, policy_id)
        known = self._kept.get(key)
        found = await self._store.load(tenant_id, policy_id, known.knowledge if known else None)
        return self._keep(key, found) if found else None

    def look(self) -> None:
        """Has the versions looked at now: something changed."""
        self._wake.set()

    async def run(self) -> None:
        """Follows the versions of what is kept, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.follow()
            except FAULTS as error:
                _log.warning("bandit.database_unavailable", error=type(error).__name__)

    async def follow(self) -> None:
        """Renews what has changed since it was read, or weighs differently by now."""
        if not self._kept:
            return
        versions = await self._store.versions([*{tenant_id for tenant_id, _ in self._kept}])
        for key, copy in tuple(self._kept.items()):
            try:
                if versions.get(key, 0) > copy.knowledge.version:
                    await self.renew(*key)
                elif self._has_drifted(copy):
                    self._keep(key, copy.knowledge)
            except FAULTS:
                raise
            except Exception:  # noqa: BLE001 - one tenant's rows must not stop everybody's choices
                _log.exception("bandit.renewal_crashed", tenant=str(key[0]), policy=key[1])

    def _has_drifted(self, copy: Copy) -> bool:
        """Whether its observations weigh differently by now."""
        weight = copy.knowledge.discount.present(self._clock())
        return abs(weight - copy.weight) > _DRIFT * copy.weight

    def _keep(self, key: tuple[UUID, str], knowledge: Knowledge) -> Copy:
        known = self._kept.get(key)
        if known and known.knowledge.version > knowledge.version:
            # Read meanwhile, and later.
            return known
        weight = knowledge.discount.present(self._clock())
        copy = Copy(knowledge, knowledge.model(weight), weight)
        self._kept[key] = copy
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._metrics.policies.set(len(self._kept))
        return copy
