"""The bandit service in this process, on a database of its own, and callers it believes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import grpc
from maitred.bandit.v1 import (
    decision_pb2,
    decision_service_pb2,
    decision_service_pb2_grpc,
    policy_pb2,
    policy_service_pb2,
    policy_service_pb2_grpc,
)

from services.bandit.config import BanditConfig
from services.bandit.wiring import build
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Target
from tests.support.services import SETTINGS, Clock, eventually, metadata, on_clock, running

ARMS = ("host@1+take_order@1+maitred-local", "seller@1+take_order@1+maitred-local", "guide@1+x+y")
EVENING: Mapping[str, float] = {"hour_sin": -0.7, "hour_cos": 0.7, "weekend": 1.0}


def manager(tenant_id: UUID) -> Principal:
    """Somebody who may see and change everything of the tenant."""
    return Principal(tenant_id, f"key_{uuid4().hex}", frozenset({Role.MANAGER}))


def rank_request(
    context: Mapping[str, float] = EVENING,
    *,
    arms: Sequence[str] = ARMS,
    policy_id: str = "serving",
    **arguments: Any,
) -> policy_service_pb2.RankRequest:
    return policy_service_pb2.RankRequest(
        policy_id=policy_id,
        context=context,
        arms=[policy_service_pb2.Arm(arm_id=arm, features={"trust": 0.2}) for arm in arms],
        **arguments,
    )


@dataclass(frozen=True, slots=True)
class BanditClient:
    """A running service and how to ask it."""

    channel: grpc.aio.Channel
    clock: Clock
    policies: policy_service_pb2_grpc.PolicyServiceStub = field(init=False)
    decisions: decision_service_pb2_grpc.DecisionServiceStub = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "policies", policy_service_pb2_grpc.PolicyServiceStub(self.channel))
        put(self, "decisions", decision_service_pb2_grpc.DecisionServiceStub(self.channel))

    async def rank(
        self, principal: Principal, request: policy_service_pb2.RankRequest | None = None
    ) -> decision_pb2.Decision:
        response = await self.policies.Rank(request or rank_request(), metadata=metadata(principal))
        return response.decision

    async def get(self, principal: Principal, decision_id: str) -> decision_pb2.Decision:
        response = await self.decisions.GetDecision(
            decision_service_pb2.GetDecisionRequest(decision_id=decision_id),
            metadata=metadata(principal),
        )
        return response.decision

    async def page(
        self, principal: Principal, **arguments: Any
    ) -> decision_service_pb2.ListDecisionsResponse:
        return await self.decisions.ListDecisions(
            decision_service_pb2.ListDecisionsRequest(**arguments), metadata=metadata(principal)
        )

    async def reward(
        self, tenant_id: UUID, decision_id: str, value: float, source: str = "rating"
    ) -> None:
        await self.decisions.Reward(
            decision_service_pb2.RewardRequest(decision_id=decision_id, value=value, source=source),
            metadata=metadata(manager(tenant_id)),
        )

    async def policy(self, tenant_id: UUID, policy_id: str = "serving") -> policy_pb2.Policy:
        response = await self.policies.GetPolicy(
            policy_service_pb2.GetPolicyRequest(policy_id=policy_id),
            metadata=metadata(manager(tenant_id)),
        )
        return response.policy

    async def update(self, tenant_id: UUID, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        response = await self.policies.UpdatePolicy(
            policy_service_pb2.UpdatePolicyRequest(policy=policy),
            metadata=metadata(manager(tenant_id)),
        )
        return response.policy

    async def settled(self, tenant_id: UUID, learned: int) -> policy_pb2.Policy:
        """The serving policy, once it has learned from that many decisions."""
        found: list[policy_pb2.Policy] = []

        async def enough() -> bool:
            found[:] = [await self.policy(tenant_id)]
            return sum(arm.learned for arm in found[0].arms) >= learned

        await eventually(enough)
        return found[0]


@asynccontextmanager
async def serving(
    database_url: str, redis_url: str, clock: Clock | None = None
) -> AsyncIterator[BanditClient]:
    """The service, as its process would run it but for the clock."""
    clock = clock or Clock()
    config = BanditConfig(database_url=database_url, redis_url=redis_url, **SETTINGS)
    async with (
        running(Target("bandit", config, on_clock(build, clock))) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['bandit']}") as channel,
    ):
        yield BanditClient(channel, clock)
