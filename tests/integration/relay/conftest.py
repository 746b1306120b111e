"""An empty outbox, log and streams for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.relay.relaying import Bench, opened
from tests.support.servers import MigratedDatabase


@pytest.fixture
async def bench(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Bench]:
    async with opened(database, redis_url) as made:
        yield made
