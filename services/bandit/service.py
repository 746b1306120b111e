"""maitred.bandit.v1.PolicyService and DecisionService."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

import grpc
from maitred.bandit.v1 import (
    decision_pb2,
    decision_service_pb2,
    decision_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
)

from services.bandit.convert import (
    decision_not_found,
    feature_unknown,
    features_fixed,
    from_policy,
    from_ranking,
    from_stored,
    no_eligible_arm,
    policy_not_found,
    to_arms,
    to_settings,
)
from services.bandit.copies import Copy, PolicyCopies
from services.bandit.decision import NewDecision
from services.bandit.metrics import BanditMetrics
from services.bandit.policy import SERVING, PolicySettings, UnknownFeature
from services.bandit.ranking import NoEligibleArm, Ranking, rank
from services.bandit.store import DecisionStore, PolicyEdition, PolicyStore
from services.chassis.data.batches import Batches
from services.chassis.data.idempotency import Answer, fingerprint
from services.chassis.data.ids import IdFactory, from_id, to_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.identity import Principal
from services.chassis.rpc.repeats import keyless, tell_replayed
from services.chassis.rpc.server import ServicerBinding

Context = grpc.aio.ServicerContext[Any, Any]
DecisionLog = Batches[PolicyEdition, NewDecision, Answer | Exception]


class PolicyService(policy_service_pb2_grpc.PolicyServiceServicer):
    """Chooses by policies kept in memory, and writes down what it chose before it answers."""

    def __init__(
        self,
        store: PolicyStore,
        copies: PolicyCopies,
        log: DecisionLog,
        defaults: PolicySettings,
        ids: IdFactory,
        clock: Callable[[], datetime],
        random: Random,
        metrics: BanditMetrics,
    ) -> None:
        self._store = store
        self._copies = copies
        self._log = log
        self._defaults = defaults
        self._ids = ids
        self._clock = clock
        self._random = random
        self._metrics = metrics

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.bandit.v1.PolicyService",
            policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
            self,
        )

    async def Rank(
        self, request: policy_service_pb2.RankRequest, context: Context
    ) -> policy_service_pb2.RankResponse:
        principal = current().principal
        known = await self._known(principal.tenant_id, request.policy_id)
        knowledge = known.knowledge
        arms, excluded = to_arms(request), frozenset(request.excluded_arm_ids)
        try:
            ranking = rank(
                knowledge.settings,
                known.model,
                request.context,
                arms,
                excluded,
                self._random.random(),
            )
        except UnknownFeature as unknown:
            raise feature_unknown(unknown.feature) from unknown
        except NoEligibleArm as none_left:
            raise no_eligible_arm(request.policy_id) from none_left
        now, decision_id = self._clock(), self._ids.new()
        response = from_ranking(
            request,
            arms,
            excluded,
            ranking,
            arm_id=[*arms][ranking.chosen],
            decision_id=to_id("dec", decision_id),
            principal_id=principal.principal_id,
            version=knowledge.version,
            now=now,
            reward_window=knowledge.settings.reward_window,
        )
        decision = response.decision
        edition = PolicyEdition(
            principal.tenant_id,
            request.policy_id,
            knowledge.generation,
            knowledge.settings.reward_window,
        )
        answer = await self._log.join(
            edition, _new_decision(request, principal, decision, ranking, decision_id, now)
        )
        if isinstance(answer, Exception):
            raise answer
        if answer.replayed:
            tell_replayed(context, answer)
            decision.ParseFromString(answer.body)
        else:
            self._metrics.decided(request.policy_id, decision.arm_id)
        return response

    async def GetPolicy(
        self, request: policy_service_pb2.GetPolicyRequest, context: Context
    ) -> policy_service_pb2.GetPolicyResponse:
        tenant_id, policy_id = current().principal.tenant_id, request.policy_id
        await self._known(tenant_id, policy_id)
        known = await self._copies.renew(tenant_id, policy_id)
        if known is None:
            raise policy_not_found(policy_id)
        figures = await self._store.figures(tenant_id, policy_id, known.knowledge.generation)
        return policy_service_pb2.GetPolicyResponse(
            policy=from_policy(policy_id, known.knowledge, figures)
        )

    async def UpdatePolicy(
        self, request: policy_service_pb2.UpdatePolicyRequest, context: Context
    ) -> policy_service_pb2.UpdatePolicyResponse:
        tenant_id, policy_id = current().principal.tenant_id, request.policy.policy_id
        settings = to_settings(request.policy, self._defaults)
        if policy_id == SERVING:
            settings = self._serving(settings)
        await self._store.put(tenant_id, policy_id, settings, self._clock())
        changed = await self.GetPolicy(
            policy_service_pb2.GetPolicyRequest(policy_id=policy_id), context
        )
        return policy_service_pb2.UpdatePolicyResponse(policy=changed.policy)

    def _serving(self, wanted: PolicySettings) -> PolicySettings:
        """Settings of the policy that serves guests, whose features are fixed."""
        fixed = replace(
            wanted,
            context_features=self._defaults.context_features,
            arm_features=self._defaults.arm_features,
        )
        if (wanted.context_features or wanted.arm_features) and not wanted.has_features_of(fixed):
            raise features_fixed(SERVING)
        return fixed

    async def _known(self, tenant_id: UUID, policy_id: str) -> Copy:
        known = await self._copies.get(tenant_id, policy_id)
        if known is None:
            raise policy_not_found(policy_id)
        return known


class DecisionService(decision_service_pb2_grpc.DecisionServiceServicer):
    """Shows decisions, and takes rewards to be applied."""

    def __init__(
        self,
        store: DecisionStore,
        reported: Callable[[], None],
        clock: Callable[[], datetime],
        tokens: PageTokens,
    ) -> None:
        """`reported` is called when there is something to apply."""
        self._store = store
        self._reported = reported
        self._clock = clock
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.bandit.v1.DecisionService",
            decision_service_pb2_grpc.add_DecisionServiceServicer_to_server,
            self,
        )

    async def GetDecision(
        self, request: decision_service_pb2.GetDecisionRequest, context: Context
    ) -> decision_service_pb2.GetDecisionResponse:
        principal = current().principal
        stored = await self._store.get(
            principal.tenant_id, from_id("dec", request.decision_id), _visible_to(principal)
        )
        if stored is None:
            raise decision_not_found(request.decision_id)
        return decision_service_pb2.GetDecisionResponse(decision=from_stored(stored))

    async def ListDecisions(
        self, request: decision_service_pb2.ListDecisionsRequest, context: Context
    ) -> decision_service_pb2.ListDecisionsResponse:
        principal = current().principal
        arguments = {
            "list": "decisions",
            "principal": _visible_to(principal) or "",
            "policy": request.policy_id,
            "session": request.session_id,
        }
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        found = await self._store.page(
            principal.tenant_id,
            _visible_to(principal),
            request.policy_id or None,
            request.session_id or None,
            UUID(str(position[0])) if position else None,
            size + 1,
        )
        page, more = found[:size], len(found) > size
        return decision_service_pb2.ListDecisionsResponse(
            decisions=[from_stored(stored) for stored in page],
            next_page_token=self._tokens.encode([str(page[-1].decision_id)], arguments)
            if more
            else "",
        )

    async def Reward(
        self, request: decision_service_pb2.RewardRequest, context: Context
    ) -> decision_service_pb2.RewardResponse:
        is_known = await self._store.report(
            current().principal.tenant_id,
            from_id("dec", request.decision_id),
            request.source,
            request.value,
            self._clock(),
        )
        if not is_known:
            raise decision_not_found(request.decision_id)
        self._reported()
        return decision_service_pb2.RewardResponse()


def _visible_to(principal: Principal) -> str | None:
    """The principal whose decisions a caller may see; None for everyone's of the tenant."""
    return principal.principal_id if principal.is_guest_only else None


def _new_decision(
    request: policy_service_pb2.RankRequest,
    principal: Principal,
    decision: decision_pb2.Decision,
    ranking: Ranking,
    decision_id: UUID,
    now: datetime,
) -> NewDecision:
    key = request.request_id or None
    return NewDecision(
        decision_id=decision_id,
        principal_id=principal.principal_id,
        session_id=request.session_id or None,
        arm_id=decision.arm_id,
        vector=ranking.vector,
        request_id=key,
        fingerprint=fingerprint(keyless(request)) if key else None,
        body=decision.SerializeToString(),
        create_time=now,
    )
