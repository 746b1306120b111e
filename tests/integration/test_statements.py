"""Postgres accepts every named statement, also those that run once a night."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from tests.repo.test_sql import blocks
from tests.support.servers import MigratedDatabase

FILES = sorted({block.path for block in blocks()})


@pytest.mark.parametrize("path", FILES, ids=str)
async def test_statements_are_prepared(database: MigratedDatabase, path: Path) -> None:
    connection = await asyncpg.connect(database.url)
    refused = {}
    try:
        for block in blocks():
            if block.path == path:
                try:
                    await connection.prepare(block.sql)
                except asyncpg.PostgresError as error:
                    refused[block.name] = str(error)
    finally:
        await connection.close()
    assert refused == {}
