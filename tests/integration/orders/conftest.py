"""The service under test, one for each module."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio

from services.chassis.data.postgres import Connection
from tests.integration.orders.serving import OrdersClient, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import looking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(database: MigratedDatabase) -> AsyncIterator[OrdersClient]:
    """The orders service of this module."""
    async with serving(database.service_url("orders")) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def sees(
    database: MigratedDatabase,
) -> AsyncIterator[Connection]:
    """Looks into the database past row-level security."""
    async with looking(database.url) as connection:
        yield connection


@pytest_asyncio.fixture(loop_scope="module")
async def tenant_id(client: OrdersClient) -> UUID:
    """A coffee bar nobody else uses."""
    return await client.open_tenant()
