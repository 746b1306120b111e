"""Migrations of all schemas: one Alembic environment, a version table per schema, plain SQL.

A revision is a file `0003_what_it_does.py` with `revision = "0003"`; the newest name is the head.
Knowing that, a database at head is recognised without importing Alembic.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import asyncpg

from services.chassis.data.postgres import Connection

PRODUCERS = "maitred_producer"
CONSUMERS = "maitred_consumer"
DEFERRERS = "maitred_deferrer"
_LOCK = 7_266_151_004


@dataclass(frozen=True, slots=True)
class SchemaMigrations:
    """One schema, its revisions and the role that works in it.

    Attributes:
        schema: its name.
        package: the package whose folder holds the revisions.
        role: the service's role, made if it is missing.
        password: of that role; empty leaves the role's password alone.
        produces: whether the role may insert into the outbox.
        consumes: whether the role may keep dead letters.
        defers: whether the role may defer jobs.
    """

    schema: str
    package: str
    role: str
    password: str = ""
    produces: bool = False
    consumes: bool = False
    defers: bool = False

    @property
    def folder(self) -> Path:
        """Where the revisions lie."""
        return Path(str(files(self.package)))

    @property
    def head(self) -> str:
        """The newest revision."""
        return max(
            match.group(1)
            for path in self.folder.iterdir()
            if (match := re.fullmatch(r"(\d{4})_\w+\.py", path.name))
        )


class SchemaMismatch(Exception):
    """The database's schema and this code do not go together."""


async def migrate(database_url: str, schemas: Sequence[SchemaMigrations]) -> list[str]:
    """Brings all schemas to head, in the order given; returns what moved, `orders: 0001 → 0003`.

    Makes roles and schemas that are missing. Processes that migrate at the same time wait for
    each other. A schema that is ahead belongs to a newer release and is left alone.

    Raises:
        asyncpg.PostgresError, OSError: the database refused or does not answer.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        for group in (PRODUCERS, CONSUMERS, DEFERRERS):
            await _make_role(connection, group, login=False, password="")
        moved = []
        for schema in schemas:
            await _prepare(connection, schema)
            before = await _version(connection, schema.schema)
            if before is not None and before >= schema.head:
                continue
            await asyncio.to_thread(_upgrade, database_url, schema)
            await _keep_from_writing(connection, schema, "alembic_version")
            moved.append(f"{schema.schema}: {before or 'none'} → {schema.head}")
        return moved
    finally:
        await connection.close()


async def check_schema(connection: Connection, schema: SchemaMigrations) -> None:
    """Refuses to serve on a schema this code cannot work with.

    Raises:
        SchemaMismatch: it is older than this code needs, or says that it needs newer code.
    """
    at = await _version(connection, schema.schema)
    if at is None or at < schema.head:
        raise SchemaMismatch(
            f"schema {schema.schema} is at {at or 'nothing'}, {schema.head} is needed:"
            " run `maitred migrate`"
        )
    needed: str | None = await connection.fetchval(
        f"SELECT min_app_version FROM {schema.schema}.requirement"  # noqa: S608
    )
    if needed and _numbers(needed) > _numbers(version("maitred")):
        raise SchemaMismatch(f"schema {schema.schema} needs version {needed} of this program")


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version_text)[:3])


async def _prepare(connection: Connection, schema: SchemaMigrations) -> None:
    """Role, schema, grants: all of it can be said again without harm."""
    await _make_role(connection, schema.role, login=True, password=schema.password)
    if schema.produces:
        await connection.execute(f"GRANT {PRODUCERS} TO {schema.role}")
    if schema.consumes:
        await connection.execute(f"GRANT {CONSUMERS} TO {schema.role}")
    if schema.defers:
        await connection.execute(f"GRANT {DEFERRERS} TO {schema.role}")
    await connection.execute(
        f"""
        CREATE SCHEMA IF NOT EXISTS {schema.schema};
        GRANT USAGE ON SCHEMA {schema.schema} TO {schema.role};
        ALTER DEFAULT PRIVILEGES IN SCHEMA {schema.schema}
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema.role};
        CREATE TABLE IF NOT EXISTS {schema.schema}.requirement (min_app_version text NOT NULL)
        """
    )
    await _keep_from_writing(connection, schema, "requirement")


async def _keep_from_writing(connection: Connection, schema: SchemaMigrations, table: str) -> None:
    """Lets the role only read what migrations write."""
    await connection.execute(
        f"REVOKE INSERT, UPDATE, DELETE ON {schema.schema}.{table} FROM {schema.role}"
    )


async def _make_role(connection: Connection, role: str, *, login: bool, password: str) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    attributes = "LOGIN NOBYPASSRLS" if login else "NOLOGIN"
    if not known:
        await connection.execute(f"CREATE ROLE {role} {attributes}")
    if password:
        quoted = password.replace("'", "''")
        await connection.execute(f"ALTER ROLE {role} PASSWORD '{quoted}'")


async def _version(connection: Connection, schema: str) -> str | None:
    """The revision a schema is at, None before the first."""
    table = f"{schema}.alembic_version"
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    version: str | None = await connection.fetchval(
        f"SELECT version_num FROM {table}"  # noqa: S608
    )
    return version


def _upgrade(database_url: str, schema: SchemaMigrations) -> None:
    """Runs the revisions that are missing; imports Alembic, which takes its time."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import NullPool, create_engine

    config = Config()
    config.set_main_option("script_location", str(files(__package__).joinpath("alembic")))
    config.set_main_option("version_locations", str(schema.folder))
    config.set_main_option("path_separator", "newline")
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", database_url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["schema"] = schema.schema
        command.upgrade(config, "head")
        connection.commit()
