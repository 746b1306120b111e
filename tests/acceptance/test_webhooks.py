"""Webhooks over HTTP, as a tenant's manager keeps them."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.people import answered, refused

# Public, and never called: nobody tells of such events.
URL = "https://93.184.216.34/hooks"
NOTHING = "maitred.nothing.*"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def make(manager: httpx.AsyncClient, **more: Any) -> Any:
    body = {"url": URL, "event_types": [NOTHING], **more}
    return answered(await manager.post("/api/v1/webhooks", json=body)).json()


async def test_a_manager_makes_changes_lists_and_deletes_a_webhook(
    rival: httpx.AsyncClient,
) -> None:
    made = await make(rival, description="till")
    webhook_id, path = made["webhook"]["webhook_id"], "/api/v1/webhooks"
    assert made["secret"].startswith("whsec_")
    own = f"{path}/{webhook_id}"
    try:
        changed = answered(await rival.patch(own, json={"description": "kitchen"})).json()
        assert (changed["description"], changed["url"]) == ("kitchen", URL)
        assert answered(await rival.get(own)).json() == changed
        listed = answered(await rival.get(path)).json()["webhooks"]
        assert [one for one in listed if one["webhook_id"] == webhook_id] == [changed]
        disabled = answered(await rival.post(f"{own}:disable", json={})).json()
        assert disabled["state"] == "WEBHOOK_STATE_DISABLED"
        test = await rival.post(f"{own}:test", json={})
        assert refused(test) == (400, "WEBHOOK_DISABLED")
        answered(await rival.post(f"{own}:enable", json={}))
        rotated = answered(await rival.post(f"{own}:rotateSecret", json={})).json()
        assert rotated["secret"] != made["secret"]
        assert "whsec_" not in answered(await rival.get(own)).text
        assert answered(await rival.get(f"{own}/deliveries")).json()["deliveries"] == []
        since = {"since_time": "2026-01-01T00:00:00Z"}
        retried = answered(await rival.post(f"{own}/deliveries:retryFailed", json=since)).json()
        assert retried["retried_count"] == 0
    finally:
        answered(await rival.delete(own))
    assert refused(await rival.get(own)) == (404, "WEBHOOK_NOT_FOUND")


async def test_a_repeated_key_makes_one_webhook_and_tells_its_secret_again(
    rival: httpx.AsyncClient,
) -> None:
    body = {"url": URL, "event_types": [NOTHING]}
    headers = {"Idempotency-Key": uuid4().hex}
    first = await rival.post("/api/v1/webhooks", json=body, headers=headers)
    again = await rival.post("/api/v1/webhooks", json=body, headers=headers)
    webhook = answered(first).json()["webhook"]
    try:
        assert again.headers["idempotent-replayed"] == "true"
        assert answered(again).json() == first.json()
        assert first.json()["secret"].startswith("whsec_")
    finally:
        await rival.delete(f"/api/v1/webhooks/{webhook['webhook_id']}")


async def test_a_url_that_leads_inside_is_a_problem_of_that_field(
    rival: httpx.AsyncClient,
) -> None:
    body = {"url": "https://localhost/hooks", "event_types": ["*"]}
    answer = await rival.post("/api/v1/webhooks", json=body)
    assert refused(answer) == (400, "WEBHOOK_TARGET_REFUSED")
    assert [error["field"] for error in answer.json()["errors"]] == ["url"]


async def test_neither_staff_nor_guests_see_webhooks(
    rival: httpx.AsyncClient, staff: httpx.AsyncClient, guest: httpx.AsyncClient
) -> None:
    own = f"/api/v1/webhooks/{(await make(rival))['webhook']['webhook_id']}"
    try:
        for other in (staff, guest):
            assert refused(await other.get(own)) == (403, "ROLE_REQUIRED")
    finally:
        answered(await rival.delete(own))
