"""Schemas brought to head, and servers that refuse one they cannot work with."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import pytest

from services.chassis.data.migrate import SchemaMigrations, SchemaMismatch, check_schema, migrate
from tests.support.servers import Servers

if TYPE_CHECKING:
    Migrator: TypeAlias = asyncpg.Connection[asyncpg.Record]

REVISION = '''"""{title}."""

from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    op.execute("""{sql}""")
'''

FIRST = "CREATE TABLE trial.things (name text PRIMARY KEY)"
SECOND = "ALTER TABLE trial.things ADD COLUMN size integer NOT NULL DEFAULT 0"

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes revisions in order, in place of those before."""
    package = tmp_path / "trial_revisions"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def write_all(*statements: str) -> None:
        for number, sql in enumerate(statements, start=1):
            down = repr(f"{number - 1:04}") if number > 1 else None
            text = REVISION.format(title=sql, revision=f"{number:04}", down=down, sql=sql)
            (package / f"{number:04}_step.py").write_text(text)
        for path in package.glob("[0-9]*.py"):
            if int(path.name[:4]) > len(statements):
                path.unlink()

    yield write_all
    sys.modules.pop("trial_revisions", None)


@pytest.fixture
def trial() -> SchemaMigrations:
    return SchemaMigrations("trial", "trial_revisions", "maitred_trial", password="it's secret")


@pytest.fixture
async def url(empty_database_url: str) -> AsyncIterator[str]:
    """A database without the schema."""
    yield empty_database_url
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(
        "DROP SCHEMA IF EXISTS trial CASCADE; DROP ROLE IF EXISTS maitred_trial"
    )
    await connection.close()


@pytest.fixture
async def connection(url: str) -> AsyncIterator["Migrator"]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


async def test_missing_revisions_are_run_in_order_and_only_once(
    write: Write, trial: SchemaMigrations, url: str
) -> None:
    write(FIRST)
    assert await migrate(url, [trial]) == ["trial: none → 0001"]
    assert await migrate(url, [trial]) == []
    write(FIRST, SECOND)
    assert await migrate(url, [trial]) == ["trial: 0001 → 0002"]
    assert await migrate(url, [trial]) == []


async def test_processes_that_migrate_at_once_wait_for_each_other(
    write: Write, trial: SchemaMigrations, url: str
) -> None:
    write(FIRST, SECOND)
    moved = await asyncio.gather(*(migrate(url, [trial]) for _ in range(4)))
    assert sorted(moved) == [[], [], [], ["trial: none → 0002"]]


async def test_a_revision_that_fails_leaves_those_before_it(
    write: Write, trial: SchemaMigrations, url: str, connection: "Migrator"
) -> None:
    write(FIRST, "CREATE TABLE trial.half (name text); SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(url, [trial])
    assert await connection.fetchval("SELECT to_regclass('trial.half')") is None
    write(FIRST, SECOND)
    assert await migrate(url, [trial]) == ["trial: 0001 → 0002"]


async def test_a_schema_of_a_newer_release_is_left_alone(
    write: Write, trial: SchemaMigrations, url: str, connection: "Migrator"
) -> None:
    write(FIRST, SECOND)
    await migrate(url, [trial])
    write(FIRST)
    assert await migrate(url, [trial]) == []
    await check_schema(connection, trial)


async def test_the_role_gets_its_password_and_only_its_own_tables(
    write: Write, trial: SchemaMigrations, url: str, servers: Servers
) -> None:
    write(FIRST)
    await migrate(url, [trial])
    role = await asyncpg.connect(url, user="maitred_trial", password="it's secret")
    await role.execute("INSERT INTO trial.things (name) VALUES ('x')")
    for forbidden in (
        "CREATE TABLE trial.more (name text)",
        "DROP TABLE trial.things",
        "UPDATE trial.alembic_version SET version_num = '0009'",
        "INSERT INTO trial.requirement (min_app_version) VALUES ('9')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(forbidden)
    await role.close()


async def test_a_changed_password_is_set_at_head_too(
    write: Write, trial: SchemaMigrations, url: str
) -> None:
    write(FIRST)
    await migrate(url, [trial])
    await migrate(url, [replace(trial, password="another")])
    role = await asyncpg.connect(url, user="maitred_trial", password="another")
    await role.close()


async def test_a_server_refuses_a_schema_that_is_missing_or_older(
    write: Write, trial: SchemaMigrations, url: str, connection: "Migrator"
) -> None:
    write(FIRST)
    with pytest.raises(SchemaMismatch, match="at nothing, 0001 is needed"):
        await check_schema(connection, trial)
    await migrate(url, [trial])
    await check_schema(connection, trial)
    write(FIRST, SECOND)
    with pytest.raises(SchemaMismatch, match="at 0001, 0002 is needed: run `maitred migrate`"):
        await check_schema(connection, trial)


async def test_a_server_refuses_a_schema_that_needs_a_newer_one(
    write: Write, trial: SchemaMigrations, url: str, connection: "Migrator"
) -> None:
    write(FIRST, "INSERT INTO trial.requirement (min_app_version) VALUES ('999.1')")
    await migrate(url, [trial])
    with pytest.raises(SchemaMismatch, match=r"needs version 999\.1"):
        await check_schema(connection, trial)
    await connection.execute("UPDATE trial.requirement SET min_app_version = '0.0.1'")
    await check_schema(connection, trial)


async def test_a_database_at_head_is_recognised_without_alembic(
    write: Write, trial: SchemaMigrations, url: str, tmp_path: Path
) -> None:
    write(FIRST)
    await migrate(url, [trial])
    script = (
        "import asyncio, sys\n"
        "from services.chassis.data.migrate import SchemaMigrations, migrate\n"
        f"schema = SchemaMigrations('trial', 'trial_revisions', 'maitred_trial')\n"
        f"assert asyncio.run(migrate({url!r}, [schema])) == []\n"
        "assert not {'alembic', 'sqlalchemy'} & set(sys.modules)\n"
    )
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script],
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
