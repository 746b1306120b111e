"""Bandit and learning, as routing needs them, over gRPC and in the caller's name."""

import time
from collections.abc import Callable, Mapping, Sequence

import grpc
from maitred.bandit.v1 import policy_service_pb2, policy_service_pb2_grpc
from maitred.learning.v1 import trust_pb2, trust_service_pb2, trust_service_pb2_grpc

from services.chassis.rpc.errors import from_rpc_error
from services.coordinator.routing.ports import (
    Choice,
    KeyTaken,
    Question,
    Standing,
    Unavailable,
)

POLICY = "serving"
# A guest waits no longer for who serves them; then somebody just does.
RANK_S = 0.5
TRUST_S = 0.5
# After an outage nobody waits again for a while. What is refused to one tenant is no outage.
_PAUSE_S = 2.0
_OUTAGES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class BanditClient:
    """`routing.ports.Bandit` on a channel to the bandit.

    Args:
        now: seconds on a clock that never goes back.
    """

    def __init__(
        self, channel: grpc.aio.Channel, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._policies = policy_service_pb2_grpc.PolicyServiceStub(channel)
        self._now = now
        self._paused_until = 0.0

    async def rank(self, question: Question) -> Choice:
        """As `Bandit.rank`; for a while after an outage it fails at once."""
        if self._now() < self._paused_until:
            raise Unavailable("the bandit did not answer a moment ago")
        request = policy_service_pb2.RankRequest(
            policy_id=POLICY,
            request_id=question.request_id,
            context=question.context,
            arms=[
                policy_service_pb2.Arm(arm_id=arm.arm_id, features={"trust": arm.trust})
                for arm in question.arms
            ],
            excluded_arm_ids=sorted(question.excluded),
            session_id=question.session_id,
        )
        try:
            decision = (await self._policies.Rank(request, timeout=RANK_S)).decision
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error)
            if failure.reason == "IDEMPOTENCY_KEY_REUSED":
                raise KeyTaken(question.request_id) from error
            if failure.code in _OUTAGES:
                self._paused_until = self._now() + _PAUSE_S
            raise Unavailable(f"the bandit: {failure.message}") from error
        probability = next(
            (arm.probability for arm in decision.arms if arm.arm_id == decision.arm_id), 1.0
        )
        return Choice(decision.decision_id, decision.arm_id, probability)


class TrustClient:
    """`routing.ports.TrustReader` on a channel to learning."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._trust = trust_service_pb2_grpc.TrustServiceStub(channel)

    async def trust_in(self, agent_ids: Sequence[str]) -> Mapping[str, Standing]:
        """As `TrustReader.trust_in`."""
        request = trust_service_pb2.BatchGetTrustRequest(agent_ids=agent_ids)
        try:
            response = await self._trust.BatchGetTrust(request, timeout=TRUST_S)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"learning: {from_rpc_error(error).message}") from error
        return {trust.agent_id: _standing(trust) for trust in response.trusts}


def _standing(trust: trust_pb2.Trust) -> Standing:
    return Standing(trust.overall, trust.state == trust_pb2.TRUST_STATE_DISABLED, trust.probe_share)
