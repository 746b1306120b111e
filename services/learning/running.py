"""Runs a cycle, for whoever asks: a manager, or the night."""

from datetime import datetime
from uuid import UUID

from services.chassis.data.idempotency import Answer, Scope
from services.chassis.data.ids import IdFactory, to_id
from services.learning.convert import from_cycle
from services.learning.cycles import Known, kept, run
from services.learning.events import recorded
from services.learning.store import CycleStore, NewCycle
from services.learning.trust import TrustPolicy


class CycleRunner:
    """Cycles by one policy."""

    def __init__(self, store: CycleStore, policy: TrustPolicy, ids: IdFactory) -> None:
        self._store = store
        self._policy = policy
        self._ids = ids

    async def run(self, scope: Scope, request: bytes, now: datetime) -> Answer:
        """The cycle at `now`, once for the scope's key; its answer is a Cycle's bytes.

        Raises:
            CycleRunning: another one is at it.
            Failure: ABORTED REQUEST_IN_PROGRESS, FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED.
        """
        return await self._store.run(
            scope, request, now, lambda known: self._decided(scope.tenant_id, known, now)
        )

    def _decided(self, tenant_id: UUID, known: Known, now: datetime) -> NewCycle:
        findings = run(known, self._policy, now)
        cycle = kept(findings, now, self._ids.new)
        cause = to_id("cyc", cycle.cycle_id)
        return NewCycle(
            kept=cycle,
            served=findings.served,
            saved=tuple(
                recorded(tenant_id, before, after, cause, self._ids)
                for before, after in findings.settled
            ),
            answer=from_cycle(cycle).SerializeToString(),
        )
