"""The service under test, one for each module."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.chassis.data.postgres import Connection
from tests.integration.retrieval.serving import RetrievalClient, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import looking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(database: MigratedDatabase) -> AsyncIterator[RetrievalClient]:
    """The retrieval service of this module."""
    async with serving(database.service_url("retrieval")) as served:
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
