"""`maitred jobs` on databases that it cannot work with."""

import psycopg
import pytest

from services.assembly.jobs import listed, scheduled
from services.assembly.refusal import Refusal
from tests.support.servers import MigratedDatabase


async def test_a_database_that_is_not_there_is_told(database: MigratedDatabase) -> None:
    host = database.service_url("worker").rpartition("@")[0]
    with pytest.raises(Refusal, match=r"no jobs can be read: .*127.0.0.1"):
        await scheduled(f"{host}@127.0.0.1:1/maitred")


async def test_a_schema_of_an_older_release_is_told(database: MigratedDatabase) -> None:
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("UPDATE jobs.alembic_version SET version_num = '0001'")
    with pytest.raises(Refusal, match=r"schema jobs is at 0001, .* run `maitred migrate`"):
        await listed(database.service_url("worker"), "", None, 10)
