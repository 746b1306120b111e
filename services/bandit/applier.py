"""The loop that applies rewards, wherever this process holds a tenant's partition."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import structlog

from services.bandit.applying import Applied, apply_next
from services.bandit.metrics import BanditMetrics
from services.bandit.store import QUERIES
from services.chassis.data.consumer import Consumer
from services.chassis.data.offsets import LeaseLost
from services.chassis.data.outbox import partition_of
from services.chassis.data.postgres import FAULTS, Database

_LOOK_EVERY_S = 0.5
# What is told of before it is committed is there by then; and a burst is one look.
_GATHER_S = 0.1

_log = structlog.get_logger(__name__)


class Applier:
    """Applies what was reported and ends windows, tenant by tenant.

    The lease is the consumer's: who takes in a tenant's events also applies its rewards, and its
    epoch is checked in the transaction that applies them.
    """

    def __init__(
        self,
        database: Database,
        consumer: Consumer,
        clock: Callable[[], datetime],
        metrics: BanditMetrics,
        reported: asyncio.Event,
        applied: Callable[[], None],
    ) -> None:
        """`reported` is set when there is work; `applied` called when statistics have changed."""
        self._database = database
        self._consumer = consumer
        self._clock = clock
        self._metrics = metrics
        self._applied = applied
        self._reported = reported

    async def run(self) -> None:
        """Applies until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._reported.wait()
            await asyncio.sleep(_GATHER_S)
            self._reported.clear()
            try:
                await self.apply()
            except FAULTS as error:
                _log.warning("bandit.database_unavailable", error=type(error).__name__)

    async def apply(self) -> None:
        """Applies all there is to apply of the tenants whose partitions are held here."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES.tenants_with_work, [*self._consumer.held], self._clock()
            )
        for row in rows:
            await self._apply_all(row["tenant_id"])

    async def _apply_all(self, tenant_id: UUID) -> None:
        """Applies all there is of a tenant; what fails is tried at the next look."""
        try:
            while await self._apply_batch(tenant_id):
                pass
        except LeaseLost:
            return
        except FAULTS as error:
            _log.warning("bandit.apply_failed", tenant=str(tenant_id), error=type(error).__name__)
        except Exception:  # noqa: BLE001 - one tenant's rows must not stop everybody's rewards
            _log.exception("bandit.apply_crashed", tenant=str(tenant_id))

    async def _apply_batch(self, tenant_id: UUID) -> bool:
        """Applies a tenant's next batch; whether there may be more."""
        now = self._clock()
        async with self._database.tenant(tenant_id) as connection:
            await self._consumer.check(connection, partition_of(tenant_id))
            applied = await apply_next(connection, tenant_id, now)
        self._count(applied, now)
        self._applied()
        return applied.is_full

    def _count(self, applied: Applied, now: datetime) -> None:
        for outcome, times in (("learned", applied.learned), ("late", applied.late)):
            self._metrics.rewards.labels(outcome).inc(len(times))
            for time in times:
                self._metrics.apply_lag.observe((now - time).total_seconds())
        for was_learned in applied.ended:
            self._metrics.expirations.labels(str(was_learned).lower()).inc()
