"""Orders and a coordinator, one each for a module."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from services.chassis.data.postgres import Connection
from tests.integration.coordinator.serving import (
    CoordinatorClient,
    Guest,
    coordinator_at,
    orders_at,
    some_port,
)
from tests.integration.coordinator.whole import Whole, whole
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import looking


@pytest.fixture(scope="module")
def orders_port() -> int:
    return some_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orders(database: MigratedDatabase, orders_port: int) -> AsyncIterator[OrdersClient]:
    async with orders_at(database, orders_port) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def coordinator(
    database: MigratedDatabase, orders: OrdersClient, orders_port: int
) -> AsyncIterator[CoordinatorClient]:
    async with coordinator_at(database, orders_port) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    database: MigratedDatabase, redis_url: str, orders: OrdersClient, orders_port: int
) -> AsyncIterator[Whole]:
    """A coordinator that asks bandit, learning and retrieval too."""
    async with whole(database, redis_url, orders, orders_port) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def sees(database: MigratedDatabase) -> AsyncIterator[Connection]:
    """Looks into the database past row-level security."""
    async with looking(database.url) as connection:
        yield connection


@pytest_asyncio.fixture(loop_scope="module")
async def tenant_id(orders: OrdersClient) -> UUID:
    """A coffee bar nobody else uses."""
    return await orders.open_tenant()


@pytest_asyncio.fixture(loop_scope="module")
async def guest(coordinator: CoordinatorClient, tenant_id: UUID) -> Guest:
    """A guest who has just begun to talk."""
    arrived = coordinator.guest(tenant_id)
    await arrived.arrive()
    return arrived
