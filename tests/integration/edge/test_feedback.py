"""Ratings over HTTP."""

from __future__ import annotations

import httpx
import pytest_asyncio

from tests.integration.edge.serving import House, Tenant

SUBMIT = "/api/v1/feedback/submit"


@pytest_asyncio.fixture(loop_scope="module")
async def session_id(guest: httpx.AsyncClient) -> str:
    """A conversation that has begun."""
    created: str = (await guest.post("/api/v1/sessions", json={})).json()["session_id"]
    await guest.post(f"/api/v1/sessions/{created}/messages", json={"text": "hello"})
    return created


async def test_a_guest_rates_and_reads_what_counts(
    guest: httpx.AsyncClient, session_id: str
) -> None:
    rated = await guest.post(
        SUBMIT, json={"session_id": session_id, "rating": 4, "comment": "very nice"}
    )
    assert rated.status_code == 200, rated.text
    assert (rated.json()["rating"], rated.json()["reward"]) == (4, 0.5)
    assert "comment" not in rated.json()
    stats = (await guest.get(f"/api/v1/feedback/stats/{session_id}")).json()
    assert (stats["count"], stats["mean_rating"], stats["mean_reward"]) == (1, 4, 0.5)
    assert stats["distribution"] == {"4": 1}
    assert stats["last_at"] == rated.json()["create_time"]


async def test_a_repeated_key_is_one_rating(guest: httpx.AsyncClient, session_id: str) -> None:
    body, key = {"session_id": session_id, "rating": 2}, {"idempotency-key": "one"}
    first = await guest.post(SUBMIT, json=body, headers=key)
    again = await guest.post(SUBMIT, json=body, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_strangers_find_nothing_and_staff_may_look(
    served: House, tenant: Tenant, session_id: str
) -> None:
    async with served.guest(tenant) as stranger:
        rated = await stranger.post(SUBMIT, json={"session_id": session_id, "rating": 1})
        read = await stranger.get(f"/api/v1/feedback/stats/{session_id}")
    assert [rated.status_code, read.status_code] == [404, 404]
    async with served.client(tenant.staff_key) as staff:
        seen = await staff.get(f"/api/v1/feedback/stats/{session_id}")
    assert seen.status_code == 200


async def test_six_stars_are_too_many(guest: httpx.AsyncClient, session_id: str) -> None:
    refused = await guest.post(SUBMIT, json={"session_id": session_id, "rating": 6})
    assert (refused.status_code, refused.json()["reason"]) == (400, "INVALID_FIELD")
