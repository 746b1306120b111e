"""What comes of decisions is learned: by RPC or by event, once, and by every replica."""

import asyncio
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from maitred.bandit.v1 import decision_pb2

from services.bandit.audit import audit
from services.chassis.data.ids import to_id
from services.chassis.data.postgres import Connection
from tests.integration.bandit.serving import ARMS, BanditClient, manager, rank_request, serving
from tests.integration.bandit.streaming import Streams, teller
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, failure, guest


async def differs(sees: Connection, tenant_id: UUID) -> float:
    """By how much statistics differ from a replay of the rows."""
    async with sees.transaction():
        return await audit(sees, tenant_id, "serving")


async def rewarded(client: BanditClient, tenant_id: UUID, decision_id: str, reward: float) -> None:
    """Returns once a decision contributes that much."""

    async def contributes() -> bool:
        decision = await client.get(manager(tenant_id), decision_id)
        return decision.reward == pytest.approx(reward)

    await eventually(contributes)


async def test_events_are_worth_what_the_credit_rule_says(
    client: BanditClient, tenant_id: UUID, streams: Streams
) -> None:
    ordered = await client.rank(teller(tenant_id))
    left = await client.rank(teller(tenant_id))
    await streams.order(tenant_id, ordered.decision_id)
    await streams.order(tenant_id, ordered.decision_id, status="completed")
    await streams.abandon(tenant_id, left.decision_id)
    await rewarded(client, tenant_id, ordered.decision_id, 0.25)
    await rewarded(client, tenant_id, left.decision_id, -0.25)
    await streams.rate(tenant_id, ordered.decision_id, 0.5)
    await rewarded(client, tenant_id, ordered.decision_id, 0.75)
    await streams.rate(tenant_id, ordered.decision_id, -1.0)
    await rewarded(client, tenant_id, ordered.decision_id, -0.75)
    decision = await client.get(manager(tenant_id), ordered.decision_id)
    shown = {one.source: (one.value, one.learned) for one in decision.rewards}
    assert shown == {"order": (0.25, True), "rating": (-1.0, True)}
    policy = await client.policy(tenant_id)
    assert sum(arm.learned for arm in policy.arms) == 2


async def test_events_of_no_decision_are_left_and_hold_up_nothing(
    client: BanditClient, tenant_id: UUID, streams: Streams, sees: Connection
) -> None:
    neighbour = UUID(int=tenant_id.int ^ 1)
    theirs = await client.rank(teller(neighbour))
    ours = await client.rank(teller(tenant_id))
    for decision_id in (theirs.decision_id, to_id("dec", UUID(int=3)), "dec_?", ""):
        await streams.rate(tenant_id, decision_id, 1.0)
    await streams.rate(tenant_id, ours.decision_id, 1.0)
    await rewarded(client, tenant_id, ours.decision_id, 1.0)
    assert await sees.fetchval("SELECT count(*) FROM events.dead_letters") == 0
    assert not (await client.get(manager(neighbour), theirs.decision_id)).rewards


async def test_a_stranger_who_names_a_guests_decision_credits_nothing(
    client: BanditClient, tenant_id: UUID, streams: Streams
) -> None:
    theirs = await client.rank(guest(tenant_id))
    ours = await client.rank(teller(tenant_id))
    await streams.order(tenant_id, theirs.decision_id)
    await streams.rate(tenant_id, theirs.decision_id, -1.0)
    await streams.abandon(tenant_id, theirs.decision_id)
    await streams.order(tenant_id, ours.decision_id)
    await rewarded(client, tenant_id, ours.decision_id, 0.25)
    assert not (await client.get(manager(tenant_id), theirs.decision_id)).rewards


async def test_a_reward_by_rpc_is_there_when_it_is_answered_and_learned_shortly_after(
    client: BanditClient, tenant_id: UUID
) -> None:
    principal = guest(tenant_id)
    decision = await client.rank(principal)
    await client.reward(tenant_id, decision.decision_id, 0.5, "manual.review")
    shown = (await client.get(principal, decision.decision_id)).rewards
    assert [(one.source, one.value) for one in shown] == [("manual.review", 0.5)]
    policy = await client.settled(tenant_id, 1)
    arm = next(arm for arm in policy.arms if arm.learned)
    assert (arm.arm_id, arm.mean_reward, arm.recent_reward) == (decision.arm_id, 0.5, 0.5)


async def test_a_reward_needs_a_decision_of_the_tenant(
    client: BanditClient, tenant_id: UUID
) -> None:
    decision = await client.rank(guest(tenant_id))
    problem = await failure(client.reward(UUID(int=9), decision.decision_id, 1.0))
    assert problem.reason == "DECISION_NOT_FOUND"
    for value in (1.5, float("nan")):
        problem = await failure(client.reward(tenant_id, decision.decision_id, value))
        assert problem.reason == "INVALID_FIELD"


async def test_what_is_rewarded_is_chosen_more(
    client: BanditClient, tenant_id: UUID, sees: Connection
) -> None:
    for step in range(30):
        decision = await client.rank(guest(tenant_id))
        worth = 0.8 if decision.arm_id == ARMS[1] else -0.5
        await client.reward(tenant_id, decision.decision_id, worth)
        await client.settled(tenant_id, step + 1)

    async def is_preferred() -> bool:
        decision = await client.rank(guest(tenant_id))
        return decision.arms[1].probability == pytest.approx(0.9 + 0.1 / 3)

    await eventually(is_preferred)
    policy = await client.policy(tenant_id)
    figures = {arm.arm_id: arm for arm in policy.arms}
    assert figures[ARMS[1]].mean_reward == pytest.approx(0.8)
    assert figures[ARMS[1]].recent_share > 0.5
    assert sum(arm.recent_share for arm in policy.arms) == pytest.approx(1.0)
    assert sum(arm.decisions for arm in policy.arms) >= 31
    assert await differs(sees, tenant_id) <= 1e-9


async def test_the_default_is_learned_when_the_window_is_over(
    client: BanditClient, tenant_id: UUID, sees: Connection
) -> None:
    policy = await client.policy(tenant_id)
    policy.reward_window.CopyFrom(Duration(seconds=1))
    policy.default_reward = -0.5
    await client.update(tenant_id, policy)
    decision = await client.rank(guest(tenant_id))
    learned = await client.settled(tenant_id, 1)
    assert learned.arms[0].mean_reward == -0.5
    shown = await client.get(manager(tenant_id), decision.decision_id)
    assert (shown.state, shown.reward) == (decision_pb2.DECISION_STATE_EXPIRED, -0.5)
    await client.reward(tenant_id, decision.decision_id, 1.0)

    async def is_logged() -> bool:
        waiting = await sees.fetchval(
            "SELECT count(*) FROM bandit.rewards WHERE tenant_id = $1 AND seq IS NULL", tenant_id
        )
        return bool(waiting == 0)

    await eventually(is_logged)
    late = await client.get(manager(tenant_id), decision.decision_id)
    assert (late.reward, [one.learned for one in late.rewards]) == (-0.5, [False])
    assert await differs(sees, tenant_id) == 0.0


async def test_every_replica_decides_by_what_any_has_learned(
    client: BanditClient,
    database: MigratedDatabase,
    redis_url: str,
    tenant_id: UUID,
    sees: Connection,
) -> None:
    async with serving(database.service_url("bandit"), redis_url) as replica:
        asked = rank_request(arms=ARMS[:1])
        assert (await replica.rank(guest(tenant_id), asked)).policy_version == 1
        made = await asyncio.gather(*(client.rank(guest(tenant_id)) for _ in range(20)))
        clients = (client, replica)
        await asyncio.gather(
            *(
                clients[number % 2].reward(tenant_id, one.decision_id, 0.5, source)
                for number, one in enumerate(made)
                for source in ("rating", "order", "rating")
            )
        )

        async def is_learned() -> bool:
            # The last of a decision's sources may come after it has counted as learned.
            arms = (await client.settled(tenant_id, 20)).arms
            return sum(arm.learned * arm.mean_reward for arm in arms) == pytest.approx(20.0)

        await eventually(is_learned)
        policy = await client.policy(tenant_id)

        async def is_up_to_date() -> bool:
            decision = await replica.rank(guest(tenant_id), asked)
            return decision.policy_version >= policy.version

        await eventually(is_up_to_date)
    assert await differs(sees, tenant_id) <= 1e-9
