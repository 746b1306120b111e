"""Behind a proxy: whose address is limited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.integration.edge.serving import House, Tenant, house
from tests.support.servers import MigratedDatabase
from tests.support.sockets import socket

TRUSTED, UNTRUSTED = "127.0.0.2", "127.0.0.3"
GUEST = "/api/v1/auth/guest"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway that believes one proxy, and lets an address bring two guests an hour."""
    limits: dict[str, Any] = {
        "guest_rate_limit": "2/hour",
        "failed_credentials_rate_limit": "2/hour",
    }
    async with house(database, redis_url, trusted_proxies=f"{TRUSTED}/32", **limits) as running:
        yield running


async def guests(served: House, tenant: Tenant, proxy: str, *forwarded: str) -> list[int]:
    """How one guest after the other is answered, each forwarded for these."""
    answers = []
    async with served.client(address=proxy) as client:
        for one in forwarded:
            headers = {"x-forwarded-for": one}
            answer = await client.post(GUEST, json={"tenant": tenant.slug}, headers=headers)
            client.cookies.clear()
            answers.append(answer.status_code)
    return answers


async def test_each_client_of_a_trusted_proxy_has_a_limit_of_its_own(
    served: House, tenant: Tenant
) -> None:
    ours = ["198.51.100.1"] * 3
    assert await guests(served, tenant, TRUSTED, *ours) == [200, 200, 429]
    assert await guests(served, tenant, TRUSTED, "198.51.100.2") == [200]
    made_up = ["203.0.113.1, 198.51.100.3", "203.0.113.2, 198.51.100.3", "198.51.100.3"]
    assert await guests(served, tenant, TRUSTED, *made_up) == [200, 200, 429]


async def test_an_ipv6_household_has_one_limit(served: House, tenant: Tenant) -> None:
    household = [f"2001:db8::{number}" for number in range(3)]
    assert await guests(served, tenant, TRUSTED, *household) == [200, 200, 429]
    assert await guests(served, tenant, TRUSTED, "2001:db8:0:1::") == [200]


async def test_nobody_else_is_believed(served: House, tenant: Tenant) -> None:
    made_up = [f"203.0.113.{number}" for number in range(3)]
    assert await guests(served, tenant, UNTRUSTED, *made_up) == [200, 200, 429]


async def test_credentials_that_fail_count_for_the_client(served: House) -> None:
    path = "/ws?ticket=tkt_1"
    headers: dict[str, Any] = {"x-forwarded-for": "198.51.100.9"}
    codes = []
    for _ in range(3):
        async with socket(served.url, path, address=TRUSTED, **headers) as opened:
            codes.append((await opened.end())[0])
    assert codes == [4401, 4401, 1013]
    async with socket(served.url, path, address=TRUSTED) as opened:
        assert (await opened.end())[0] == 4401
