"""One house for a module, and tenants in it."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.integration.edge.serving import House, Tenant, house
from tests.support.servers import MigratedDatabase


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(database: MigratedDatabase, redis_url: str) -> AsyncIterator[House]:
    """A gateway with all it needs behind it."""
    async with house(database, redis_url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(served: House) -> Tenant:
    """A tenant of this module."""
    return await served.open_tenant()


@pytest_asyncio.fixture(loop_scope="module")
async def guest(served: House, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """A new guest of the tenant."""
    async with served.guest(tenant) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def staff(served: House, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """Staff of the tenant, by API key."""
    async with served.client(tenant.staff_key) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def nobody(served: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a credential."""
    async with served.client() as client:
        yield client
