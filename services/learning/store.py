"""SQL of learning.

Methods that take a connection work in the caller's transaction: a consumer's, or a cycle's. Whoever
writes holds the tenant, by an advisory lock taken first: sums, counts and what a cycle makes of
them change one after another, and nobody waits in a circle.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope, in_progress
from services.chassis.data.outbox import OutboxEvent, append
from services.chassis.data.postgres import Connection, Database, Queries
from services.learning.cycles import KeptCycle, KeptInsight, KeptPattern, Known
from services.learning.facts import Subject
from services.learning.patterns import PatternKind
from services.learning.recommendations import Outcome, Recommendation
from services.learning.rows import (
    to_change,
    to_insight,
    to_pattern,
    to_recommendation,
    to_tally,
    to_trust,
)
from services.learning.tallies import WINDOW, Counts, Tally, TallyKey
from services.learning.trust import AgentTrust, Change, unknown

_QUERIES = Queries.load(__package__)


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change about to be kept, and the event that tells of it."""

    change_id: UUID
    change: Change
    event: OutboxEvent


@dataclass(frozen=True, slots=True)
class Saved:
    """The trust in an agent about to be written, with the change it makes if it is worth one."""

    trust: AgentTrust
    change: NewChange | None


@dataclass(frozen=True, slots=True)
class NewCycle:
    """A cycle about to be kept: trust as it leaves it, what the next compares with, its answer."""

    kept: KeptCycle
    served: Mapping[str, int]
    saved: tuple[Saved, ...]
    answer: bytes


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant something was learned of, its time zone, and the last day planned for."""

    tenant_id: UUID
    time_zone: str
    cycle_date: date | None


class CycleRunning(Exception):
    """Another cycle of the tenant is at it."""


class LearningStore:
    """Recommendations, counts and trust."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """A tenant's transaction that holds it, for several of the writes below.

        Raises:
            Failure: ABORTED REQUEST_IN_PROGRESS if somebody holds it for too long.
        """
        try:
            async with self._database.tenant(tenant_id) as connection:
                await self.hold(connection, tenant_id)
                yield connection
        except asyncpg.LockNotAvailableError:
            raise in_progress() from None

    async def hold(self, connection: Connection, tenant_id: UUID) -> None:
        """Makes the caller's transaction the only one to write to the tenant."""
        await connection.execute(_QUERIES.hold_tenant, tenant_id)

    async def record(
        self, connection: Connection, tenant_id: UUID, owner: str, recommendation: Recommendation
    ) -> bool:
        """Keeps what was recommended to its owner; False if it is known."""
        recorded = await connection.fetchval(
            _QUERIES.record_recommendation,
            tenant_id,
            recommendation.recommendation_id,
            recommendation.agent_id,
            recommendation.kind,
            recommendation.product_ids,
            recommendation.confidence,
            recommendation.session_id,
            recommendation.decision_id,
            recommendation.create_time,
            owner,
        )
        return recorded is not None

    async def find(
        self, connection: Connection, tenant_id: UUID, owner: str, subject: Subject
    ) -> list[Recommendation]:
        """The recommendations to the owner of a fact that it is about."""
        rows = await connection.fetch(
            _QUERIES.find_recommendations,
            tenant_id,
            subject.recommendation_ids,
            subject.decision_id,
            subject.session_id,
            owner,
        )
        return [to_recommendation(row) for row in rows]

    async def record_outcomes(
        self,
        connection: Connection,
        tenant_id: UUID,
        outcomes: Sequence[tuple[UUID, Outcome]],
    ) -> None:
        """Writes the outcomes that count from now on, by recommendation."""
        await connection.execute(
            _QUERIES.record_outcomes,
            tenant_id,
            [recommendation_id for recommendation_id, _ in outcomes],
            [outcome.value for _, outcome in outcomes],
            [outcome.source for _, outcome in outcomes],
            [outcome.time for _, outcome in outcomes],
        )

    async def page(
        self, tenant_id: UUID, agent_id: str | None, before: UUID | None, limit: int
    ) -> list[Recommendation]:
        """At most `limit` recommendations older than `before`, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_QUERIES.plan_for_arguments)
            rows = await connection.fetch(
                _QUERIES.list_recommendations, tenant_id, agent_id, before, limit
            )
        return [to_recommendation(row) for row in rows]

    async def add_to_tallies(
        self, connection: Connection, tenant_id: UUID, changes: Mapping[TallyKey, Counts]
    ) -> None:
        """Adds differences to counts."""
        await connection.execute(
            _QUERIES.add_to_tallies,
            tenant_id,
            [key.day for key in changes],
            [key.agent_id for key in changes],
            [key.subject for key in changes],
            [key.is_confident for key in changes],
            [counts.recommendations for counts in changes.values()],
            [counts.outcomes for counts in changes.values()],
            [counts.successes for counts in changes.values()],
        )

    async def take_tallies(
        self, connection: Connection, tenant_id: UUID, agent_ids: Sequence[str], now: datetime
    ) -> list[Tally]:
        """The counts of agents; the next time, what is new is new since this."""
        since = (now - WINDOW).date()
        await connection.execute(_QUERIES.forget_tallies, tenant_id, since)
        rows = await connection.fetch(_QUERIES.read_tallies, tenant_id, agent_ids, since)
        await connection.execute(_QUERIES.mark_tallies_seen, tenant_id, agent_ids)
        return [to_tally(row) for row in rows]

    async def meet(
        self, connection: Connection, tenant_id: UUID, agent_ids: Iterable[str], now: datetime
    ) -> set[str]:
        """Sets agents nothing is known of to the prior; returns these."""
        rows = await connection.fetch(
            _QUERIES.meet_agents,
            tenant_id,
            sorted(set(agent_ids)),
            now,
            unknown("", now).settled,
        )
        return {row["agent_id"] for row in rows}

    async def agents(
        self, connection: Connection, tenant_id: UUID, agent_ids: Iterable[str] | None = None
    ) -> list[AgentTrust]:
        """The trust in these agents (None: all), by name; unknown ones are left out."""
        wanted = None if agent_ids is None else list(agent_ids)
        rows = await connection.fetch(_QUERIES.read_agents, tenant_id, wanted)
        return [to_trust(row) for row in rows]

    async def save(self, connection: Connection, tenant_id: UUID, saved: Iterable[Saved]) -> None:
        """Writes the trust in agents; changes are kept and told of."""
        for one in saved:
            await connection.execute(_QUERIES.save_agent, tenant_id, *_arguments(one.trust))
            if one.change is None:
                continue
            change = one.change.change
            await connection.execute(
                _QUERIES.record_change,
                tenant_id,
                one.trust.agent_id,
                one.change.change_id,
                change.overall,
                change.boost,
                change.state,
                change.cause,
                change.time,
            )
            await append(connection, one.change.event)

    async def read(
        self, tenant_id: UUID, agent_ids: Iterable[str] | None = None
    ) -> list[AgentTrust]:
        """As `agents`, in a transaction of its own."""
        async with self._database.tenant(tenant_id) as connection:
            return await self.agents(connection, tenant_id, agent_ids)

    async def changes(self, tenant_id: UUID, agent_id: str, limit: int) -> list[Change]:
        """The last `limit` changes of the trust in an agent, oldest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.last_changes, tenant_id, agent_id, limit)
        return [to_change(row) for row in rows]


class CycleStore:
    """Cycles and what they found."""

    def __init__(self, database: Database, keys: IdempotencyKeys, learned: LearningStore) -> None:
        self._database = database
        self._keys = keys
        self._learned = learned

    async def run(
        self,
        scope: Scope,
        request: bytes,
        now: datetime,
        decide: Callable[[Known], NewCycle],
    ) -> Answer:
        """Runs a cycle in one transaction, once for the scope's key.

        Args:
            scope: whose tenant, and the key.
            request: what the key stands for.
            now: the cycle's time.
            decide: what comes of what is known.

        Raises:
            CycleRunning: another one is at it.
            Failure: ABORTED REQUEST_IN_PROGRESS, FAILED_PRECONDITION IDEMPOTENCY_KEY_REUSED.
        """
        tenant_id = scope.tenant_id

        async def work(connection: Connection) -> bytes:
            if not await connection.fetchval(_QUERIES.begin_cycle, tenant_id):
                raise CycleRunning
            await connection.execute(_QUERIES.wait_longer)
            await self._learned.hold(connection, tenant_id)
            cycle = decide(await self._known(connection, tenant_id, now))
            await self._learned.save(connection, tenant_id, cycle.saved)
            await self._record(connection, tenant_id, cycle)
            return cycle.answer

        return await self._keys.run_once(scope, request, work)

    async def get(self, tenant_id: UUID, cycle_id: UUID) -> KeptCycle | None:
        """A cycle with what it found."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.get_cycle, tenant_id, cycle_id)
            cycles = await _with_findings(connection, tenant_id, rows)
        return cycles[0] if cycles else None

    async def page(self, tenant_id: UUID, before: UUID | None, limit: int) -> list[KeptCycle]:
        """At most `limit` cycles older than `before`, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.list_cycles, tenant_id, before, limit)
            return await _with_findings(connection, tenant_id, rows)

    async def insights(self, tenant_id: UUID, before: UUID | None, limit: int) -> list[KeptInsight]:
        """At most `limit` insights older than `before`, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.list_insights, tenant_id, before, limit)
        return [to_insight(row) for row in rows]

    async def patterns(self, tenant_id: UUID, kind: PatternKind | None) -> list[KeptPattern]:
        """What the last cycle found, of one kind or any, the surest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.patterns_of_last_cycle, tenant_id, kind)
        return [to_pattern(row) for row in rows]

    async def _known(self, connection: Connection, tenant_id: UUID, now: datetime) -> Known:
        agents = await self._learned.agents(connection, tenant_id)
        names = [agent.agent_id for agent in agents]
        tallies = await self._learned.take_tallies(connection, tenant_id, names, now)
        served = await connection.fetchval(_QUERIES.last_served, tenant_id)
        return Known(agents, tallies, json.loads(served) if served else {})

    async def _record(self, connection: Connection, tenant_id: UUID, cycle: NewCycle) -> None:
        kept = cycle.kept
        await connection.execute(
            _QUERIES.record_cycle,
            tenant_id,
            kept.cycle_id,
            kept.recommendations,
            kept.outcomes,
            kept.agents,
            json.dumps(cycle.served),
            kept.time,
        )
        await connection.execute(
            _QUERIES.record_insights,
            tenant_id,
            kept.cycle_id,
            kept.time,
            [one.insight_id for one in kept.insights],
            [one.insight.kind for one in kept.insights],
            [one.insight.text for one in kept.insights],
            [one.insight.agent_id for one in kept.insights],
            [json.dumps(dict(one.insight.figures)) for one in kept.insights],
        )
        await connection.executemany(
            _QUERIES.record_pattern,
            [
                (
                    *(tenant_id, kept.cycle_id, position, one.pattern_id),
                    *(one.pattern.kind, one.pattern.subject, list(one.pattern.agent_ids)),
                    *(one.pattern.outcomes, one.pattern.successes, one.pattern.low),
                )
                for position, one in enumerate(kept.patterns)
            ],
        )


class NightStore:
    """Tenants, their time zones and the days their cycles were planned for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self, after: UUID | None, limit: int) -> list[Tenant]:
        """At most `limit` tenants something was learned of, in the order of their ids."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_QUERIES.list_tenants, after, limit)
        return [Tenant(row["tenant_id"], row["time_zone"], row["cycle_date"]) for row in rows]

    async def begin(self, tenant_id: UUID, day: date) -> None:
        """The tenant's first cycle is that of the day after."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_QUERIES.begin_nights, tenant_id, day)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """A transaction of the tenant that waits for nobody."""
        async with self._database.tenant(tenant_id) as connection:
            yield connection

    @asynccontextmanager
    async def planning(self, tenant: Tenant, day: date) -> AsyncIterator[Connection | None]:
        """A transaction in which the day is planned; None if somebody else has planned it."""
        async with self._database.tenant(tenant.tenant_id) as connection:
            planned = await connection.fetchval(
                _QUERIES.plan_night, tenant.tenant_id, tenant.cycle_date, day
            )
            yield connection if planned else None

    @staticmethod
    async def settle(connection: Connection, tenant_id: UUID, time_zone: str) -> None:
        """The tenant lives in that zone from now on."""
        await connection.execute(_QUERIES.settle_tenant, tenant_id, time_zone)


async def _with_findings(
    connection: Connection, tenant_id: UUID, rows: Sequence[asyncpg.Record]
) -> list[KeptCycle]:
    ids = [row["cycle_id"] for row in rows]
    said = await connection.fetch(_QUERIES.insights_of_cycles, tenant_id, ids)
    found = await connection.fetch(_QUERIES.patterns_of_cycles, tenant_id, ids)
    insights = [to_insight(row) for row in said]
    patterns = [to_pattern(row) for row in found]
    return [
        KeptCycle(
            cycle_id=row["cycle_id"],
            time=row["create_time"],
            recommendations=row["recommendations"],
            outcomes=row["outcomes"],
            agents=row["agents"],
            insights=tuple(one for one in insights if one.cycle_id == row["cycle_id"]),
            patterns=tuple(one for one in patterns if one.cycle_id == row["cycle_id"]),
        )
        for row in rows
    ]


def _arguments(trust: AgentTrust) -> tuple[object, ...]:
    evidence = trust.evidence
    return (
        *(trust.agent_id, evidence.as_of, evidence.count, evidence.value, evidence.square),
        *(evidence.timely, evidence.unfailed, trust.boost, trust.verdict, trust.override),
        *(trust.told, trust.settled, trust.update_time),
    )
