"""What the service asks of its database before it serves."""

import pytest

from services.chassis.data.migrate import SchemaMismatch
from tests.integration.orders.serving import serving


async def test_it_refuses_a_database_that_is_not_migrated(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="maitred migrate"):
        async with serving(empty_database_url):
            pass


async def test_it_refuses_to_run_without_a_database() -> None:
    with pytest.raises(ValueError, match="MAITRED_DB_ORDERS_URL"):
        async with serving(""):
            pass
