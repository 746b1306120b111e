"""Learning while nobody asks: a cycle each night of a tenant, and trust that fades by day.

Which tenants there are learning knows from what it has learned, and their time zones from
identity's events, so planning reads nobody else's schema and calls nobody.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from services.chassis.data.idempotency import IdempotencyKeys, Scope
from services.chassis.data.ids import IdFactory
from services.chassis.data.jobs import (
    Deferred,
    Job,
    JobContext,
    JobSet,
    Queue,
    Retry,
    Schedule,
    defer,
)
from services.chassis.run.lifecycle import Resources
from services.learning.config import LearningConfig
from services.learning.events import recorded
from services.learning.nights import due_date
from services.learning.running import CycleRunner
from services.learning.store import CycleStore, LearningStore, NightStore, Tenant
from services.learning.trust import TrustPolicy, faded

PLAN, RUN, REFRESH = "learning.plan_cycles", "learning.run_cycle", "learning.refresh_trust"
_PAGE = 500

_log = structlog.get_logger(__name__)


def build(config: LearningConfig, resources: Resources) -> JobSet:
    """Learning's jobs; without its schedules where LEARNING_ENABLED or LEARNING_JOBS is off.

    Raises:
        ValueError: no database is configured.
    """
    database, clock = resources.database, resources.clock
    if database is None:
        raise ValueError("learning's jobs need its database: set MAITRED_DB_LEARNING_URL")
    ids = IdFactory(clock, resources.random.randbytes)
    learned = LearningStore(database)
    cycles = CycleStore(database, IdempotencyKeys(database, "learning"), learned)
    jobs = _Jobs(
        NightStore(database),
        learned,
        CycleRunner(cycles, config.policy, ids),
        config.policy,
        ids,
        clock,
        config.switched_off,
    )
    schedules: tuple[Schedule, ...] = ()
    if config.switched_off:
        _log.warning("learning_is_not_scheduled", switch=config.switched_off)
    else:
        schedules = (Schedule("*/15 * * * *", PLAN), Schedule("0 */6 * * *", REFRESH))
    return JobSet(
        jobs=(
            Job(PLAN, Queue.DEFAULT, jobs.plan),
            Job(RUN, Queue.ANALYSIS, jobs.run_cycle, Retry(first=timedelta(seconds=30))),
            Job(REFRESH, Queue.ANALYSIS, jobs.refresh_trust),
        ),
        schedules=schedules,
    )


class _Jobs:
    """What the jobs do."""

    def __init__(
        self,
        nights: NightStore,
        learned: LearningStore,
        cycles: CycleRunner,
        policy: TrustPolicy,
        ids: IdFactory,
        clock: Callable[[], datetime],
        switched_off: str,
    ) -> None:
        self._nights = nights
        self._learned = learned
        self._cycles = cycles
        self._policy = policy
        self._ids = ids
        self._clock = clock
        self._switched_off = switched_off

    async def plan(self, context: JobContext) -> None:
        """Defers the cycle of every tenant whose night has come, once for each of its days.

        The day is noted in the transaction that defers. A tenant nothing was planned for yet
        begins with its next night. One that cannot be planned for keeps no other from it, and
        fails the job in the end: run again, it plans what is left.
        """
        planned, failure = 0, None
        async for tenant in self._tenants():
            try:
                planned += await self._plan(tenant)
            except Exception as error:  # noqa: BLE001 - raised when the others are planned for
                _log.warning("night_not_planned", tenant=str(tenant.tenant_id), exc_info=error)
                failure = error
        await context.progress(planned, planned, "cycles deferred")
        if failure is not None:
            raise failure

    async def run_cycle(self, context: JobContext) -> None:
        """The cycle of one tenant's day: its key makes it one however often the job runs."""
        if self._switched_off:
            _log.warning("cycle_left_out", switch=self._switched_off)
            return
        scope = Scope(context.tenant_id, "schedule", "RunCycle", f"night {context.args['date']}")
        await self._cycles.run(scope, b"", self._clock())

    async def refresh_trust(self, context: JobContext) -> None:
        """Lets every agent's evidence fade to now, and tells whose trust that moved.

        A tenant's job does so for its own, any other for all. A tenant of which that fails, as when
        somebody holds it for long, gets a job of its own: it is tried again, and no other with it.
        """
        if self._switched_off:
            _log.warning("refresh_left_out", switch=self._switched_off)
            return
        if context.tenant is not None:
            await self._refresh(context.tenant)
            return
        done = 0
        async for tenant in self._tenants():
            try:
                await self._refresh(tenant.tenant_id)
            except Exception as error:  # noqa: BLE001 - its own job raises it again
                _log.warning("refresh_put_off", tenant=str(tenant.tenant_id), exc_info=error)
                await self._refresh_later(tenant.tenant_id)
            done += 1
            await context.progress(done, 0, "tenants")

    async def _plan(self, tenant: Tenant) -> int:
        """How many cycles were deferred for a tenant: one or none."""
        due = due_date(self._clock(), _zone(tenant))
        if tenant.cycle_date is None:
            await self._nights.begin(tenant.tenant_id, due)
            return 0
        if tenant.cycle_date >= due:
            return 0
        deferred = Deferred(
            Queue.ANALYSIS,
            RUN,
            tenant.tenant_id,
            {"date": due.isoformat()},
            queueing_lock=f"learning.cycle:{tenant.tenant_id}",
        )
        async with self._nights.planning(tenant, due) as connection:
            return int(connection is not None and bool(await defer(connection, deferred)))

    async def _refresh(self, tenant_id: UUID) -> None:
        async with self._learned.transaction(tenant_id) as connection:
            now = self._clock()
            known = await self._learned.agents(connection, tenant_id)
            moved = [(trust, faded(trust, self._policy, now)) for trust in known]
            saved = [
                recorded(tenant_id, before, after, "refresh", self._ids) for before, after in moved
            ]
            await self._learned.save(connection, tenant_id, saved)

    async def _refresh_later(self, tenant_id: UUID) -> None:
        async with self._nights.transaction(tenant_id) as connection:
            lock = f"{REFRESH}:{tenant_id}"
            await defer(
                connection, Deferred(Queue.ANALYSIS, REFRESH, tenant_id, queueing_lock=lock)
            )

    async def _tenants(self) -> AsyncIterator[Tenant]:
        page = await self._nights.tenants(None, _PAGE)
        while page:
            for tenant in page:
                yield tenant
            page = await self._nights.tenants(page[-1].tenant_id, _PAGE)


def _zone(tenant: Tenant) -> tzinfo:
    """The tenant's zone; UTC if this machine does not know it, which is logged."""
    try:
        return ZoneInfo(tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        _log.warning("time_zone_unknown", time_zone=tenant.time_zone)
        return ZoneInfo("UTC")
