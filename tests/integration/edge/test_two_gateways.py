"""Gateways side by side on one database and one Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from gateway.identity.authenticator import REREAD_S
from tests.integration.edge.serving import House, house
from tests.support.servers import MigratedDatabase

ORDERS = "/api/v1/orders"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    async with house(database, redis_url, rate_limit="40/hour") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    async with house(database, redis_url, relayed=False, rate_limit="40/hour") as running:
        yield running


async def until(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Asks until it is answered so."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get("/api/v1/products")
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.02)


async def test_a_key_revoked_at_one_is_refused_by_the_other(served: House, other: House) -> None:
    tenant = await served.open_tenant(requests_per_minute=100_000)
    async with served.client(tenant.manager_key) as manager:
        created = (
            await manager.post(
                "/api/v1/api-keys", json={"display_name": "till", "roles": ["ROLE_STAFF"]}
            )
        ).json()
        async with other.client(created["secret"]) as till:
            await until(till, 200)
            key_id = created["api_key"]["api_key_id"]
            await manager.post(f"/api/v1/api-keys/{key_id}:revoke", json={})
            # Sooner than it would look again by itself.
            async with asyncio.timeout(REREAD_S / 2):
                refused = await until(till, 401)
    assert refused.json()["metadata"] == {"problem": "revoked"}


async def test_a_limit_is_shared(served: House, other: House) -> None:
    tenant = await served.open_tenant()
    async with served.client(tenant.staff_key) as here, other.client(tenant.staff_key) as there:
        answers = [await here.get(ORDERS) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        left = 20
        async with asyncio.timeout(60):
            while left > 0:
                answer = await there.get(ORDERS)
                left = int(answer.headers["ratelimit-remaining"])
                await asyncio.sleep(0.1)
        # What the other let through before it heard of us.
        assert (await there.get(ORDERS)).status_code == 429


async def test_a_guest_of_one_is_a_guest_of_the_other(served: House, other: House) -> None:
    tenant = await served.open_tenant()
    async with served.guest(tenant) as guest, other.client() as elsewhere:
        answer = await elsewhere.get(
            ORDERS, headers={"authorization": guest.headers["authorization"]}
        )
    assert answer.status_code == 200
