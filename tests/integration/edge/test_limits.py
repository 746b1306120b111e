"""Rate limits over HTTP, shared by gateways, and what the edge tells of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest_asyncio

from tests.integration.edge.serving import House, Tenant, house
from tests.support.servers import MigratedDatabase

ORDERS = "/api/v1/orders"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway that allows little."""
    settings: dict[str, Any] = {"rate_limit": "3/hour", "guest_rate_limit": "9/hour"}
    async with house(database, redis_url, **settings) as running:
        yield running


async def gets(client: httpx.AsyncClient, count: int, path: str = ORDERS) -> list[httpx.Response]:
    return [await client.get(path) for _ in range(count)]


async def test_a_caller_is_limited_at_each_route(staff: httpx.AsyncClient) -> None:
    answers = await gets(staff, 4)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    assert refused.json()["reason"] == "RATE_LIMITED"
    assert refused.json()["metadata"]["limit"] == "3/hour"
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
    assert refused.headers["ratelimit-limit"] == "3"
    assert (await staff.get("/api/v1/products")).status_code == 200


async def test_a_guest_does_not_use_up_what_another_may(served: House, tenant: Tenant) -> None:
    async with served.guest(tenant) as first, served.guest(tenant) as second:
        await gets(first, 3)
        assert (await first.get(ORDERS)).status_code == 429
        assert (await second.get(ORDERS)).status_code == 200


async def test_a_key_may_have_a_limit_of_its_own(served: House, tenant: Tenant) -> None:
    async with served.client(tenant.manager_key) as manager:
        created = await manager.post(
            "/api/v1/api-keys",
            json={"display_name": "busy", "roles": ["ROLE_STAFF"], "requests_per_minute": 5},
        )
    async with served.client(created.json()["secret"]) as busy:
        answers = await gets(busy, 5)
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {"5"}
        assert {answer.status_code for answer in answers} == {200}


async def test_a_tenant_may_have_a_limit_of_its_own(served: House) -> None:
    tenant = await served.open_tenant(requests_per_minute=7)
    async with served.guest(tenant) as guest:
        assert (await guest.get(ORDERS)).headers["ratelimit-limit"] == "7"


async def test_an_address_may_bring_so_many_guests(served: House, tenant: Tenant) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(served.client())
        statuses = [
            (await client.post("/api/v1/auth/guest", json={"tenant": tenant.slug})).status_code
            for _ in range(10)
        ]
    assert statuses[-1] == 429


async def test_what_was_asked_is_counted_by_route(served: House, nobody: httpx.AsyncClient) -> None:
    await nobody.get("/api/v1/orders/ord_1")
    await nobody.get("/nowhere")
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"http://127.0.0.1:{served.admin}/metrics")).text
    counted = 'gateway_http_requests_total{method="GET",route="%s",status="%s"}'
    assert counted % ("/api/v1/orders/{order_id}", "401") in metrics
    assert counted % ("unmatched", "404") in metrics
    assert (await nobody.get("/metrics")).status_code == 404


async def test_a_page_is_limited_by_address(served: House, tenant: Tenant) -> None:
    async with served.client() as client:
        answers = await gets(client, 10, f"/t/{tenant.slug}")
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    assert answers[-1].json()["reason"] == "RATE_LIMITED"
