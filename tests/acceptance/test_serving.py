"""Who serves a guest, what they answer from documents, and codes, as seen through the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from services.assembly.demo.access import DemoTenant
from tests.support.mesh import RunningMesh
from tests.support.people import answered, client, decision, session
from tests.support.people import guest as guest_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Sooner than trust that was read would be too old to be gone by.
SOON_S = 25.0


async def says(guest: httpx.AsyncClient, text: str, session_id: str = "") -> dict[str, Any]:
    """One whole answer."""
    path = f"/api/v1/sessions/{session_id or await session(guest)}/messages"
    told: dict[str, Any] = answered(await guest.post(path, json={"text": text})).json()
    return told


async def served_by(guest: httpx.AsyncClient, agent_id: str) -> str:
    """A conversation that agent serves; a disabled one may be let in by a probe meanwhile."""
    for _ in range(50):
        session_id = await session(guest)
        await says(guest, "hello", session_id)
        begun = answered(await guest.get(f"/api/v1/sessions/{session_id}")).json()
        if begun["agent_id"] == agent_id:
            return session_id
    raise AssertionError(f"{agent_id} serves nobody")


async def test_a_question_about_the_house_is_answered_with_a_citation(
    guest: httpx.AsyncClient,
) -> None:
    answer = await says(guest, "Do you have wifi?")
    assert "wifi" in answer["text"].lower()
    (citation,) = answer["citations"]
    assert citation["quote"]
    assert citation["title"]


async def test_who_serves_is_a_decision(guest: httpx.AsyncClient) -> None:
    _, decision_id = await decision(guest)
    assert decision_id.startswith("dec_")


async def test_a_citation_is_streamed(guest: httpx.AsyncClient) -> None:
    path = f"/api/v1/sessions/{await session(guest)}/messages"
    headers = {"accept": "text/event-stream"}
    async with guest.stream(
        "POST", path, json={"text": "When do you close?"}, headers=headers
    ) as answer:
        names = [
            line.removeprefix("event: ")
            async for line in answer.aiter_lines()
            if line.startswith("event: ")
        ]
    assert "citation" in names
    assert names[-1] == "done"


async def test_a_guest_may_take_what_is_offered_or_leave_it(
    mesh: RunningMesh, pizzeria: DemoTenant
) -> None:
    async with only(mesh, pizzeria, "seller"), guest_of(mesh, pizzeria.slug) as guest:
        for reply, lines in (("yes, add that", 2), ("no thanks", 1)):
            session_id = await served_by(guest, "seller")
            offering = await says(guest, "a margherita please", session_id)
            assert "add that" in offering["text"]
            assert len(offering["cart"]["lines"]) == 1
            replied = await says(guest, reply, session_id)
            assert replied["order"] is None
            placed = await says(guest, "yes", session_id)
            assert len(placed["order"]["lines"]) == lines


async def test_whatever_is_offered_can_be_taken(
    mesh: RunningMesh, coffee_bar: DemoTenant, pizzeria: DemoTenant
) -> None:
    for tenant, order in ((coffee_bar, "a latte"), (pizzeria, "a large margherita")):
        async with only(mesh, tenant, "seller"), guest_of(mesh, tenant.slug) as guest:
            session_id = await served_by(guest, "seller")
            answer = await says(guest, order, session_id)
            taken = 0
            while "add that" in answer["text"]:
                answer = await says(guest, "add that", session_id)
                taken += 1
                assert len(answer["cart"]["lines"]) == 1 + taken, answer["text"]
            assert taken >= 2


async def test_a_code_is_taken_off(guest: httpx.AsyncClient) -> None:
    session_id = await session(guest)
    await says(guest, "a latte please", session_id)
    answer = await says(guest, "I have a code WELCOME", session_id)
    assert "WELCOME" in answer["text"]
    cart = answer["cart"]
    assert int(cart["payable_minor"]) < int(cart["total_minor"])
    placed = await says(guest, "yes", session_id)
    assert placed["order"]["total_minor"] == cart["payable_minor"]


async def test_a_manager_sees_the_agents_and_a_guest_does_not(
    mesh: RunningMesh, coffee_bar: DemoTenant, guest: httpx.AsyncClient
) -> None:
    async with client(mesh, coffee_bar.manager_key) as manager:
        agents = answered(await manager.get("/api/v1/agents")).json()["agents"]
        assert [agent["agent_id"] for agent in agents] == ["guide", "host", "seller"]
        assert answered(await manager.get("/api/v1/agents/host")).json()["upsell"] == "never"
    assert (await guest.get("/api/v1/agents")).status_code == 403


@asynccontextmanager
async def only(mesh: RunningMesh, tenant: DemoTenant, agent_id: str) -> AsyncIterator[None]:
    """Inside the block nobody but one agent is trusted to serve the tenant's new guests."""
    others = {"guide", "host", "seller"} - {agent_id}
    async with (
        client(mesh, tenant.manager_key) as manager,
        guest_of(mesh, tenant.slug) as guest,
    ):
        # Trust is known by now, and must be read anew for what follows.
        await says(guest, "hello")
        everyone = {"agent_ids": [agent_id, *others]}
        path = "/api/v1/learning/debug/initialize-trust-scores"
        answered(await manager.post(path, json=everyone))
        await _override(manager, others, "TRUST_STATE_DISABLED")
        try:
            async with asyncio.timeout(SOON_S):
                while not await _excluded(manager, guest) >= others:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            yield
        finally:
            await _override(manager, others, "TRUST_STATE_UNSPECIFIED")


async def _override(manager: httpx.AsyncClient, agents: set[str], state: str) -> None:
    for agent in agents:
        path = f"/api/v1/trust/{agent}:override"
        answered(await manager.post(path, json={"state": state}))


async def _excluded(manager: httpx.AsyncClient, guest: httpx.AsyncClient) -> set[str]:
    """The agents that could not be chosen for a guest who has just come."""
    _, decision_id = await decision(guest)
    arms = answered(await manager.get(f"/api/v1/decisions/{decision_id}")).json()["arms"]
    return {arm["arm_id"].partition("@")[0] for arm in arms if arm.get("excluded")}
