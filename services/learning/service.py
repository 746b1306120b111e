"""maitred.learning.v1: TrustService, RecommendationService and CycleService."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.learning.v1 import (
    cycle_pb2,
    cycle_service_pb2,
    cycle_service_pb2_grpc,
    recommendation_service_pb2,
    recommendation_service_pb2_grpc,
    trust_service_pb2,
    trust_service_pb2_grpc,
)

from services.chassis.data.idempotency import Answer
from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.learning.convert import (
    cycle_not_found,
    cycle_running,
    from_cycle,
    from_insight,
    from_pattern,
    from_recommendation,
    from_trust,
    learning_disabled,
    prior,
    to_kind,
    to_state,
    trust_not_found,
)
from services.learning.events import recorded
from services.learning.metrics import LearningMetrics
from services.learning.running import CycleRunner
from services.learning.store import CycleRunning, CycleStore, LearningStore
from services.learning.trust import TrustPolicy, unknown

Context = grpc.aio.ServicerContext[Any, Any]
Clock = Callable[[], datetime]

_CHANGES_SHOWN = 50


class TrustService(trust_service_pb2_grpc.TrustServiceServicer):
    """Tells whom to trust; a manager may know better."""

    def __init__(
        self,
        store: LearningStore,
        policy: TrustPolicy,
        ids: IdFactory,
        clock: Clock,
        committed: Callable[[], None],
    ) -> None:
        self._store = store
        self._policy = policy
        self._ids = ids
        self._clock = clock
        self._committed = committed

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.learning.v1.TrustService",
            trust_service_pb2_grpc.add_TrustServiceServicer_to_server,
            self,
        )

    async def BatchGetTrust(
        self, request: trust_service_pb2.BatchGetTrustRequest, context: Context
    ) -> trust_service_pb2.BatchGetTrustResponse:
        wanted = list(request.agent_ids)
        known = await self._store.read(current().principal.tenant_id, wanted or None)
        messages = {trust.agent_id: from_trust(trust, self._policy) for trust in known}
        now = self._clock()
        return trust_service_pb2.BatchGetTrustResponse(
            trusts=[
                messages.get(agent_id) or prior(unknown(agent_id, now), self._policy)
                for agent_id in wanted or messages
            ]
        )

    async def GetTrust(
        self, request: trust_service_pb2.GetTrustRequest, context: Context
    ) -> trust_service_pb2.GetTrustResponse:
        tenant_id = current().principal.tenant_id
        known = await self._store.read(tenant_id, [request.agent_id])
        if not known:
            raise trust_not_found(request.agent_id)
        changes = await self._store.changes(tenant_id, request.agent_id, _CHANGES_SHOWN)
        return trust_service_pb2.GetTrustResponse(trust=from_trust(known[0], self._policy, changes))

    async def OverrideTrust(
        self, request: trust_service_pb2.OverrideTrustRequest, context: Context
    ) -> trust_service_pb2.OverrideTrustResponse:
        principal = current().principal
        async with self._store.transaction(principal.tenant_id) as connection:
            known = await self._store.agents(connection, principal.tenant_id, [request.agent_id])
            if not known:
                raise trust_not_found(request.agent_id)
            trust = known[0]
            override = to_state(request.state)
            if override is not trust.override:
                trust = replace(trust, override=override, update_time=self._clock())
                cause = f"override {principal.principal_id}"
                saved = recorded(principal.tenant_id, None, trust, cause, self._ids)
                await self._store.save(connection, principal.tenant_id, [saved])
        self._committed()
        return trust_service_pb2.OverrideTrustResponse(trust=from_trust(trust, self._policy))

    async def InitializeTrust(
        self, request: trust_service_pb2.InitializeTrustRequest, context: Context
    ) -> trust_service_pb2.InitializeTrustResponse:
        tenant_id = current().principal.tenant_id
        async with self._store.transaction(tenant_id) as connection:
            met = await self._store.meet(connection, tenant_id, request.agent_ids, self._clock())
            known = await self._store.agents(connection, tenant_id, request.agent_ids)
            saved = [
                recorded(tenant_id, None, trust, "initialize", self._ids)
                for trust in known
                if trust.agent_id in met
            ]
            await self._store.save(connection, tenant_id, saved)
        self._committed()
        trusts = {trust.agent_id: from_trust(trust, self._policy) for trust in known}
        return trust_service_pb2.InitializeTrustResponse(
            trusts=[trusts[agent_id] for agent_id in request.agent_ids]
        )


class RecommendationService(recommendation_service_pb2_grpc.RecommendationServiceServicer):
    """Tells what agents did and what came of it."""

    def __init__(self, store: LearningStore, tokens: PageTokens) -> None:
        self._store = store
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.learning.v1.RecommendationService",
            recommendation_service_pb2_grpc.add_RecommendationServiceServicer_to_server,
            self,
        )

    async def ListRecommendations(
        self, request: recommendation_service_pb2.ListRecommendationsRequest, context: Context
    ) -> recommendation_service_pb2.ListRecommendationsResponse:
        arguments = {"list": "recommendations", "agent": request.agent_id}
        before = _position(self._tokens, request.page_token, arguments)
        size = page_size(request.page_size)
        found = await self._store.page(
            current().principal.tenant_id, request.agent_id or None, before, size + 1
        )
        token = ""
        if len(found) > size:
            last = str(found[size - 1].recommendation_id)
            token = self._tokens.encode([last], arguments)
        return recommendation_service_pb2.ListRecommendationsResponse(
            recommendations=[from_recommendation(one) for one in found[:size]],
            next_page_token=token,
        )


class CycleService(cycle_service_pb2_grpc.CycleServiceServicer):
    """Runs cycles and tells what they found."""

    def __init__(
        self,
        store: CycleStore,
        runner: CycleRunner,
        clock: Clock,
        tokens: PageTokens,
        committed: Callable[[], None],
        metrics: LearningMetrics,
        switched_off: str,
    ) -> None:
        """As wired; `switched_off` names the switch that keeps cycles from running, if one does."""
        self._store = store
        self._runner = runner
        self._clock = clock
        self._tokens = tokens
        self._committed = committed
        self._metrics = metrics
        self._switched_off = switched_off

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.learning.v1.CycleService",
            cycle_service_pb2_grpc.add_CycleServiceServicer_to_server,
            self,
        )

    async def RunCycle(
        self, request: cycle_service_pb2.RunCycleRequest, context: Context
    ) -> cycle_service_pb2.RunCycleResponse:
        if self._switched_off:
            raise learning_disabled(self._switched_off)
        result, started = "failed", time.perf_counter()
        try:
            answer = await self._run(request)
            result = "repeated" if answer.replayed else "done"
        except CycleRunning:
            result = "busy"
            raise cycle_running() from None
        finally:
            self._metrics.cycles.labels(result).inc()
            self._metrics.cycle_duration.observe(time.perf_counter() - started)
        self._committed()
        tell_replayed(context, answer)
        return cycle_service_pb2.RunCycleResponse(cycle=cycle_pb2.Cycle.FromString(answer.body))

    async def _run(self, request: cycle_service_pb2.RunCycleRequest) -> Answer:
        scope = scope_of(current().principal, "RunCycle", request.request_id)
        return await self._runner.run(scope, keyless(request), self._clock())

    async def GetCycle(
        self, request: cycle_service_pb2.GetCycleRequest, context: Context
    ) -> cycle_service_pb2.GetCycleResponse:
        cycle = await self._store.get(
            current().principal.tenant_id, from_id("cyc", request.cycle_id)
        )
        if cycle is None:
            raise cycle_not_found(request.cycle_id)
        return cycle_service_pb2.GetCycleResponse(cycle=from_cycle(cycle))

    async def ListCycles(
        self, request: cycle_service_pb2.ListCyclesRequest, context: Context
    ) -> cycle_service_pb2.ListCyclesResponse:
        arguments = {"list": "cycles"}
        before = _position(self._tokens, request.page_token, arguments)
        size = page_size(request.page_size)
        found = await self._store.page(current().principal.tenant_id, before, size + 1)
        token = ""
        if len(found) > size:
            token = self._tokens.encode([str(found[size - 1].cycle_id)], arguments)
        return cycle_service_pb2.ListCyclesResponse(
            cycles=[from_cycle(cycle) for cycle in found[:size]], next_page_token=token
        )

    async def ListInsights(
        self, request: cycle_service_pb2.ListInsightsRequest, context: Context
    ) -> cycle_service_pb2.ListInsightsResponse:
        arguments = {"list": "insights"}
        before = _position(self._tokens, request.page_token, arguments)
        size = page_size(request.page_size)
        found = await self._store.insights(current().principal.tenant_id, before, size + 1)
        token = ""
        if len(found) > size:
            token = self._tokens.encode([str(found[size - 1].insight_id)], arguments)
        return cycle_service_pb2.ListInsightsResponse(
            insights=[from_insight(insight) for insight in found[:size]], next_page_token=token
        )

    async def ListPatterns(
        self, request: cycle_service_pb2.ListPatternsRequest, context: Context
    ) -> cycle_service_pb2.ListPatternsResponse:
        found = await self._store.patterns(current().principal.tenant_id, to_kind(request.kind))
        return cycle_service_pb2.ListPatternsResponse(
            patterns=[from_pattern(pattern) for pattern in found]
        )


def _position(tokens: PageTokens, token: str, arguments: dict[str, str]) -> UUID | None:
    """The id a page begins after; None for the first page."""
    position = tokens.decode(token, arguments)
    return UUID(str(position[0])) if position else None
