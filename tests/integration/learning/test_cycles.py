"""Cycles on demand: one at a time, once for a key, and what they find is kept."""

import asyncio
from uuid import UUID

import grpc
import pytest
from maitred.learning.v1 import cycle_pb2, cycle_service_pb2, trust_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.learning.serving import LearningClient
from tests.integration.learning.telling import Guest
from tests.support.services import failure, metadata, with_role

pytestmark = pytest.mark.asyncio(loop_scope="module")


def declined(tenant_id: UUID, count: int) -> list[Guest]:
    """Guests who were offered anchovies, had none and said so."""
    return [
        Guest(tenant_id).is_served().is_offered("anchovy").orders("latte").rates(1)
        for _ in range(count)
    ]


def delighted(tenant_id: UUID, agent_id: str, count: int) -> list[Guest]:
    return [
        Guest(tenant_id, agent_id).is_served(confidence=0.9).orders("latte").rates(5)
        for _ in range(count)
    ]


async def test_a_cycle_says_what_moved_and_keeps_it(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(*declined(tenant_id, 12), *delighted(tenant_id, "host", 12))
    cycle = await client.run_cycle(tenant_id)
    assert (cycle.outcomes, cycle.agents) == (36, 2)
    kinds = {(insight.kind, insight.agent_id) for insight in cycle.insights}
    assert kinds == {
        ("trust_rose", "host"),
        ("trust_fell", "seller"),
        ("agent_disabled", "seller"),
        ("offer_declined", "seller"),
    }
    found = {(pattern.kind, pattern.subject, *pattern.agent_ids) for pattern in cycle.patterns}
    assert found == {
        (cycle_pb2.PATTERN_KIND_EXPERT, "serve", "host"),
        (cycle_pb2.PATTERN_KIND_HIGH_CONFIDENCE, "serve", "host"),
    }
    by_staff = metadata(with_role(tenant_id, Role.STAFF))
    read = await client.cycles.GetCycle(
        cycle_service_pb2.GetCycleRequest(cycle_id=cycle.cycle_id), metadata=by_staff
    )
    listed = await client.cycles.ListCycles(
        cycle_service_pb2.ListCyclesRequest(), metadata=by_staff
    )
    assert read.cycle == cycle
    assert list(listed.cycles) == [cycle]
    insights = await client.cycles.ListInsights(
        cycle_service_pb2.ListInsightsRequest(), metadata=by_staff
    )
    assert list(insights.insights) == list(cycle.insights)
    experts = await client.cycles.ListPatterns(
        cycle_service_pb2.ListPatternsRequest(kind=cycle_pb2.PATTERN_KIND_EXPERT),
        metadata=by_staff,
    )
    assert [pattern.subject for pattern in experts.patterns] == ["serve"]


async def test_a_boost_moves_a_tenth_at_a_cycle_each_with_its_cause(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(*delighted(tenant_id, "host", 20))
    assert (await client.trust(tenant_id, "host")).boost == 0.0
    cycles = [await client.run_cycle(tenant_id) for _ in range(3)]
    trust = await client.trust(tenant_id, "host")
    assert trust.boost == pytest.approx(0.3)
    assert [(change.cause, round(change.boost, 6)) for change in list(trust.changes)[-3:]] == [
        (cycle.cycle_id, step / 10) for step, cycle in enumerate(cycles, 1)
    ]


async def test_a_disabled_agent_returns_when_what_it_did_has_faded(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(*declined(tenant_id, 8))
    await client.run_cycle(tenant_id)
    disabled = await client.trust(tenant_id)
    assert disabled.state == trust_pb2.TRUST_STATE_DISABLED
    assert disabled.boost == pytest.approx(-0.1)
    client.clock.advance(days=30)
    try:
        cycle = await client.run_cycle(tenant_id)
    finally:
        client.clock.advance(days=-30)
    assert [insight.kind for insight in cycle.insights] == ["agent_restored"]
    returned = await client.trust(tenant_id)
    assert (returned.state, returned.boost) == (trust_pb2.TRUST_STATE_ACTIVE, 0.0)


async def test_a_cycle_looks_only_at_what_came_since_the_last(
    client: LearningClient, tenant_id: UUID
) -> None:
    await client.happens(*delighted(tenant_id, "host", 3))
    first = await client.run_cycle(tenant_id)
    # The messenger's answer is a recommendation without an outcome.
    assert (first.recommendations, first.outcomes) == (4, 3)
    second = await client.run_cycle(tenant_id)
    assert (second.recommendations, second.outcomes) == (0, 0)
    await client.happens(*delighted(tenant_id, "host", 2))
    third = await client.run_cycle(tenant_id)
    assert (third.recommendations, third.outcomes) == (3, 2)


async def test_conversations_that_moved_away_from_an_agent_are_told_of(
    client: LearningClient, tenant_id: UUID
) -> None:
    def served(agent_id: str, count: int) -> list[Guest]:
        return [Guest(tenant_id, agent_id).is_served() for _ in range(count)]

    await client.happens(*served("host", 15), *served("seller", 15))
    assert not (await client.run_cycle(tenant_id)).insights
    await client.happens(*served("host", 27), *served("seller", 3))
    insights = (await client.run_cycle(tenant_id)).insights
    assert [insight.text for insight in insights] == [
        "host's share of conversations rose from 50% (15 of 30) to 90% (27 of 30).",
        "seller's share of conversations fell from 50% (15 of 30) to 10% (3 of 30).",
    ]


async def test_a_repeated_key_answers_with_the_first_cycle(
    client: LearningClient, tenant_id: UUID
) -> None:
    manager = metadata(with_role(tenant_id, Role.MANAGER))
    request = cycle_service_pb2.RunCycleRequest(request_id="tonight")
    answers = await asyncio.gather(
        *(client.cycles.RunCycle(request, metadata=manager) for _ in range(5))
    )
    assert len({answer.cycle.cycle_id for answer in answers}) == 1


async def test_one_cycle_of_a_tenant_runs_at_a_time(
    client: LearningClient, sees: Connection, tenant_id: UUID
) -> None:
    async with sees.transaction():
        await sees.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('learning.cycle ' || $1::uuid, 0))",
            tenant_id,
        )
        refused = await failure(client.run_cycle(tenant_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "CYCLE_RUNNING")
    assert (await client.run_cycle(tenant_id)).cycle_id


async def test_a_cycle_nobody_ran_is_not_found(client: LearningClient, tenant_id: UUID) -> None:
    refused = await failure(
        client.cycles.GetCycle(
            cycle_service_pb2.GetCycleRequest(cycle_id=f"cyc_{'0' * 32}"),
            metadata=metadata(with_role(tenant_id, Role.STAFF)),
        )
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "CYCLE_NOT_FOUND")


async def test_cycles_and_insights_come_in_pages(client: LearningClient, tenant_id: UUID) -> None:
    ran = [(await client.run_cycle(tenant_id)).cycle_id for _ in range(3)]
    by_staff = metadata(with_role(tenant_id, Role.STAFF))
    first = await client.cycles.ListCycles(
        cycle_service_pb2.ListCyclesRequest(page_size=2), metadata=by_staff
    )
    rest = await client.cycles.ListCycles(
        cycle_service_pb2.ListCyclesRequest(page_size=2, page_token=first.next_page_token),
        metadata=by_staff,
    )
    assert [cycle.cycle_id for cycle in (*first.cycles, *rest.cycles)] == ran[::-1]
    assert rest.next_page_token == ""
    refused = await failure(
        client.cycles.ListInsights(
            cycle_service_pb2.ListInsightsRequest(page_token=first.next_page_token),
            metadata=by_staff,
        )
    )
    assert refused.reason == "PAGE_TOKEN_INVALID"
