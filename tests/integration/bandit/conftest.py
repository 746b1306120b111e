"""The service under test, one for each module."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.chassis.data.postgres import Connection
from tests.integration.bandit.serving import BanditClient, serving
from tests.integration.bandit.streaming import Streams, streaming
from tests.support.servers import MigratedDatabase
from tests.support.services import looking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(database: MigratedDatabase, redis_url: str) -> AsyncIterator[BanditClient]:
    """The bandit service of this module."""
    async with serving(database.service_url("bandit"), redis_url) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def sees(database: MigratedDatabase) -> AsyncIterator[Connection]:
    """Looks into the database past row-level security."""
    async with looking(database.url) as connection:
        yield connection


@pytest.fixture
def tenant_id() -> UUID:
    """A tenant nobody else uses."""
    return uuid4()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def streams(redis_url: str) -> AsyncIterator[Streams]:
    """The streams of this module."""
    async with streaming(redis_url) as opened:
        yield opened
