"""Policies: made by whoever may, kept as they are put, read with what they learned."""

from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from maitred.bandit.v1 import policy_pb2, policy_service_pb2

from tests.integration.bandit.serving import BanditClient, rank_request
from tests.support.services import failure, guest, metadata


def pricing(**changes: float) -> policy_pb2.Policy:
    """A policy with one feature of each kind."""
    policy = policy_pb2.Policy(
        policy_id="pricing",
        context_features=["weekend"],
        arm_features=["discount"],
        alpha=0.25,
        exploration_floor=0.5,
        ridge=2.0,
        half_life=Duration(seconds=3600),
        reward_window=Duration(seconds=60),
        default_reward=-0.5,
    )
    for name, value in changes.items():
        setattr(policy, name, value)
    return policy


async def test_every_tenant_has_the_policy_that_chooses_who_serves(
    client: BanditClient, tenant_id: UUID
) -> None:
    policy = await client.policy(tenant_id)
    assert len(policy.context_features) == 10
    assert (list(policy.arm_features), policy.version) == (["trust"], 1)
    assert policy.reward_window.seconds == 86_400
    assert not policy.HasField("half_life")


async def test_a_policy_is_as_it_was_put(client: BanditClient, tenant_id: UUID) -> None:
    made = await client.update(tenant_id, pricing())
    assert made.algorithm == policy_pb2.ALGORITHM_LINUCB_DISJOINT
    changed = await client.update(tenant_id, pricing(alpha=1.5))
    assert (made.version, changed.version) == (1, 2)
    assert (made.alpha, changed.alpha) == (0.25, 1.5)
    assert changed.half_life.seconds == 3600
    assert await client.policy(tenant_id, "pricing") == changed


async def test_a_changed_policy_decides_at_once_by_its_new_settings(
    client: BanditClient, tenant_id: UUID
) -> None:
    request = rank_request({"weekend": 1.0}, arms=("a", "b"), policy_id="pricing")
    for arm, discount in zip(request.arms, (0.0, 1.0), strict=True):
        arm.features.clear()
        arm.features["discount"] = discount
    await client.update(tenant_id, pricing())
    decision = await client.rank(guest(tenant_id), request)
    assert [arm.probability for arm in decision.arms] == pytest.approx([0.25, 0.75])
    await client.update(tenant_id, pricing(exploration_floor=0.0))
    decision = await client.rank(guest(tenant_id), request)
    assert [arm.probability for arm in decision.arms] == pytest.approx([0.0, 1.0])


async def test_a_window_nobody_names_is_the_installations(
    client: BanditClient, tenant_id: UUID
) -> None:
    policy = pricing()
    policy.ClearField("reward_window")
    assert (await client.update(tenant_id, policy)).reward_window.seconds == 86_400


async def test_what_a_policy_leaves_open_is_as_in_the_serving_one(
    client: BanditClient, tenant_id: UUID
) -> None:
    wanted = policy_pb2.Policy(policy_id="banner", context_features=["evening"], alpha=0.0)
    made = await client.update(tenant_id, wanted)
    serving = await client.policy(tenant_id, "serving")
    assert made.alpha == 0.0
    assert (made.exploration_floor, made.ridge) == (serving.exploration_floor, serving.ridge)
    assert made.reward_window == serving.reward_window


async def test_the_serving_policy_keeps_its_features(client: BanditClient, tenant_id: UUID) -> None:
    features = list((await client.policy(tenant_id)).context_features)
    wanted = policy_pb2.Policy(policy_id="serving", alpha=1.0)
    changed = await client.update(tenant_id, wanted)
    assert (list(changed.context_features), changed.alpha) == (features, 1.0)
    assert list(changed.arm_features) == ["trust"]

    other = policy_pb2.Policy(policy_id="serving", context_features=["mood"])
    assert (await failure(client.update(tenant_id, other))).reason == "INVALID_FIELD"
    assert list((await client.policy(tenant_id)).context_features) == features


async def test_a_policy_that_is_not_there_is_not_found(
    client: BanditClient, tenant_id: UUID
) -> None:
    assert (await failure(client.policy(tenant_id, "pricing"))).reason == "POLICY_NOT_FOUND"


async def test_impossible_settings_are_refused(client: BanditClient, tenant_id: UUID) -> None:
    # Of weights that double every moment, and of no ridge to speak of, no model can be made.
    restless = pricing()
    restless.half_life.CopyFrom(Duration(nanos=1000))
    for impossible in (
        pricing(ridge=0.0),
        pricing(ridge=1e-300),
        pricing(exploration_floor=1.5),
        pricing(alpha=-1.0),
        restless,
    ):
        assert (await failure(client.update(tenant_id, impossible))).reason == "INVALID_FIELD"


async def test_guests_neither_read_nor_change_policies(
    client: BanditClient, tenant_id: UUID
) -> None:
    read = client.policies.GetPolicy(
        policy_service_pb2.GetPolicyRequest(policy_id="serving"),
        metadata=metadata(guest(tenant_id)),
    )
    assert (await failure(read)).reason == "ROLE_REQUIRED"
