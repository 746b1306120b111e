"""Rank: durable before it answers, once for a request, and only among what may be chosen."""

import asyncio
from uuid import UUID

import grpc
import pytest
from maitred.bandit.v1 import decision_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from tests.integration.bandit.serving import ARMS, EVENING, BanditClient, manager, rank_request
from tests.support.services import failure, guest, is_replayed, metadata


async def test_a_decision_shows_what_it_was_drawn_from(
    client: BanditClient, tenant_id: UUID
) -> None:
    principal = guest(tenant_id)
    session = "ses_" + "0" * 32
    decision = await client.rank(
        principal, rank_request(excluded_arm_ids=[ARMS[1]], session_id=session)
    )
    assert decision.principal_id == principal.principal_id
    assert (decision.policy_id, decision.session_id) == ("serving", session)
    assert decision.arm_id in (ARMS[0], ARMS[2])
    assert dict(decision.context) == pytest.approx(dict(EVENING))
    assert [arm.arm_id for arm in decision.arms] == [*ARMS]
    assert [arm.excluded for arm in decision.arms] == [False, True, False]
    assert [arm.probability for arm in decision.arms] == pytest.approx([0.5, 0.0, 0.5])
    assert decision.arms[1].score == 0.0
    assert decision.arms[0].score == decision.arms[2].score > 0.0
    assert decision.arms[0].features == {"trust": 0.2}
    assert decision.state == decision_pb2.DECISION_STATE_OPEN
    window = decision.expire_time.ToDatetime() - decision.create_time.ToDatetime()
    assert window.total_seconds() == 86_400
    assert await client.get(principal, decision.decision_id) == decision


async def test_concurrent_decisions_are_all_there_when_they_are_answered(
    client: BanditClient, tenant_id: UUID, sees: Connection
) -> None:
    async def rank_and_look() -> None:
        decision = await client.rank(guest(tenant_id))
        async with looking:
            found = await sees.fetchval(
                "SELECT arm_id FROM bandit.decisions WHERE tenant_id = $1 AND decision_id = $2",
                tenant_id,
                from_id("dec", decision.decision_id),
            )
        assert found == decision.arm_id

    looking = asyncio.Lock()
    await asyncio.gather(*(rank_and_look() for _ in range(60)))
    commits = await sees.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM bandit.decisions WHERE tenant_id = $1", tenant_id
    )
    assert commits < 60


async def test_concurrent_twins_get_one_decision(
    client: BanditClient, tenant_id: UUID, sees: Connection
) -> None:
    principal = guest(tenant_id)
    request = rank_request(request_id="turn-1")
    decisions = await asyncio.gather(*(client.rank(principal, request) for _ in range(30)))
    assert all(decision == decisions[0] for decision in decisions)
    count = await sees.fetchval(
        "SELECT count(*) FROM bandit.decisions WHERE tenant_id = $1", tenant_id
    )
    assert count == 1
    call = client.policies.Rank(request, metadata=metadata(principal))
    assert (await call).decision == decisions[0]
    assert await is_replayed(call)


async def test_a_key_is_its_owners(client: BanditClient, tenant_id: UUID) -> None:
    request = rank_request(request_id="turn-1")
    one = await client.rank(guest(tenant_id), request)
    other = await client.rank(guest(tenant_id), request)
    assert one.decision_id != other.decision_id


async def test_a_key_used_for_another_request_is_refused(
    client: BanditClient, tenant_id: UUID
) -> None:
    principal = guest(tenant_id)
    await client.rank(principal, rank_request(request_id="turn-1"))
    problem = await failure(client.rank(principal, rank_request({}, request_id="turn-1")))
    assert (problem.code, problem.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "IDEMPOTENCY_KEY_REUSED",
    )


async def test_chance_decides_while_nothing_is_known(client: BanditClient, tenant_id: UUID) -> None:
    principal = guest(tenant_id)
    decisions = await asyncio.gather(*(client.rank(principal, rank_request({})) for _ in range(60)))
    assert {decision.arm_id for decision in decisions} == set(ARMS)
    for decision in decisions:
        assert [arm.probability for arm in decision.arms] == pytest.approx([1 / 3] * 3)


async def test_what_makes_no_choice_possible_is_said(client: BanditClient, tenant_id: UUID) -> None:
    principal = guest(tenant_id)
    for request, reason in (
        (rank_request({"mood": 0.5}), "FEATURE_UNKNOWN"),
        (rank_request(excluded_arm_ids=ARMS), "NO_ELIGIBLE_ARM"),
        (rank_request(policy_id="pricing"), "POLICY_NOT_FOUND"),
        (rank_request(arms=("a", "b", "a")), "INVALID_FIELD"),
        (rank_request({"weekend": 1.5}), "INVALID_FIELD"),
        (rank_request(arms=()), "INVALID_FIELD"),
    ):
        assert (await failure(client.rank(principal, request))).reason == reason


async def test_a_guest_sees_their_own_decisions_only(client: BanditClient, tenant_id: UUID) -> None:
    owner, stranger = guest(tenant_id), guest(tenant_id)
    decision = await client.rank(owner)
    assert await client.get(owner, decision.decision_id) == decision
    assert await client.get(manager(tenant_id), decision.decision_id) == decision
    for other in (stranger, manager(UUID(int=1))):
        problem = await failure(client.get(other, decision.decision_id))
        assert problem.reason == "DECISION_NOT_FOUND"


async def test_decisions_are_listed_newest_first_page_by_page(
    client: BanditClient, tenant_id: UUID
) -> None:
    principal, staff = guest(tenant_id), manager(tenant_id)
    session = "ses_" + "a" * 32
    made = []
    for number in range(7):
        request = rank_request(session_id=session if number % 2 else "")
        made.append((await client.rank(principal, request)).decision_id)
    listed: list[str] = []
    token = ""
    while True:
        page = await client.page(staff, page_size=3, page_token=token, policy_id="serving")
        listed += [decision.decision_id for decision in page.decisions]
        token = page.next_page_token
        if not token:
            break
    assert sorted(listed, reverse=True) == listed
    assert set(listed) == set(made)
    of_session = await client.page(staff, session_id=session)
    assert {one.decision_id for one in of_session.decisions} == set(made[1::2])
    assert list((await client.page(staff, policy_id="other")).decisions) == []
