"""What events do to what is known: recommendations are recorded, outcomes move trust.

One event is one call inside the transaction that moves the consumer's offset, so each counts once.
An event about something never recorded is counted as ignored: it says nothing of any agent.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.chassis.data.ids import IdFactory
from services.chassis.data.postgres import Connection
from services.chassis.data.streams import StreamEvent
from services.learning.events import TENANT, read, recorded, time_zone
from services.learning.evidence import observed
from services.learning.facts import Fact
from services.learning.metrics import LearningMetrics
from services.learning.recommendations import Recommendation, prevails
from services.learning.store import LearningStore, NightStore
from services.learning.tallies import changes
from services.learning.trust import AgentTrust, TrustPolicy, learned

CAUSE = "outcomes"


class Learner:
    """The effect of events."""

    def __init__(
        self,
        store: LearningStore,
        policy: TrustPolicy,
        ids: IdFactory,
        clock: Callable[[], datetime],
        metrics: LearningMetrics,
        *,
        is_tracking: bool,
    ) -> None:
        self._store = store
        self._policy = policy
        self._ids = ids
        self._clock = clock
        self._metrics = metrics
        self._is_tracking = is_tracking

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        """Learns from one event in the transaction given.

        Raises:
            ValueError, KeyError: the event is not what its type says.
        """
        if event.type == TENANT:
            await NightStore.settle(connection, event.tenant_id, time_zone(event.payload))
            return
        if not self._is_tracking:
            self._ignore(event, "off")
            return
        told = read(event.type, event.payload)
        if told is None:
            self._ignore(event, "irrelevant")
            return
        await self._store.hold(connection, event.tenant_id)
        if isinstance(told, Recommendation):
            await self._record(connection, event, told)
        else:
            await self._judge(connection, event, told)

    async def _record(
        self, connection: Connection, event: StreamEvent, recommendation: Recommendation
    ) -> None:
        tenant_id, owner = event.tenant_id, event.principal_id
        await self._store.meet(connection, tenant_id, [recommendation.agent_id], self._clock())
        if await self._store.record(connection, tenant_id, owner, recommendation):
            counts = changes([(None, recommendation)])
            await self._store.add_to_tallies(connection, tenant_id, counts)
            self._metrics.recommendations.labels(recommendation.kind).inc()

    async def _judge(self, connection: Connection, event: StreamEvent, fact: Fact) -> None:
        found = await self._store.find(
            connection, event.tenant_id, event.principal_id, fact.subject
        )
        if not found:
            self._ignore(event, "unknown")
        judged = [
            (before, replace(before, outcome=outcome))
            for before in found
            if prevails(before, outcome := fact.says_of(before))
        ]
        if judged:
            await self._learn(connection, event.tenant_id, judged)

    async def _learn(
        self,
        connection: Connection,
        tenant_id: UUID,
        judged: Sequence[tuple[Recommendation, Recommendation]],
    ) -> None:
        agents = await self._store.agents(
            connection, tenant_id, {after.agent_id for _, after in judged}
        )
        outcomes = [
            (after.recommendation_id, after.outcome) for _, after in judged if after.outcome
        ]
        await self._store.record_outcomes(connection, tenant_id, outcomes)
        await self._store.add_to_tallies(connection, tenant_id, changes(judged))
        now = self._clock()
        saved = [
            recorded(tenant_id, agent, self._learned(agent, judged, now), CAUSE, self._ids)
            for agent in agents
        ]
        await self._store.save(connection, tenant_id, saved)
        for _, outcome in outcomes:
            self._metrics.outcomes.labels(outcome.source).inc()

    def _learned(
        self,
        agent: AgentTrust,
        judged: Sequence[tuple[Recommendation, Recommendation]],
        now: datetime,
    ) -> AgentTrust:
        of_agent = [pair for pair in judged if pair[1].agent_id == agent.agent_id]
        taken = [observed(before, self._policy.timely) for before, _ in of_agent]
        given = [observed(after, self._policy.timely) for _, after in of_agent]
        return learned(
            agent,
            [one for one in given if one],
            [one for one in taken if one],
            self._policy,
            now,
        )

    def _ignore(self, event: StreamEvent, reason: str) -> None:
        self._metrics.ignored.labels(event.type, reason).inc()
