"""Tenants cannot see each other in SQL: every table with a tenant, as every service's role.

The tables are found in the database, so one that forgets its policy fails here by itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from services.assembly.migrations import schemas
from tests.support.servers import MigratedDatabase

A = UUID("aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa")
B = UUID("bbbbbbbb-bbbb-7bbb-8bbb-bbbbbbbbbbbb")
SCHEMAS = {target: schema.schema for target, schema in schemas().items()}
ROLES = {target: schema.role for target, schema in schemas().items()}
# The log is every tenant's; the relay moves it without reading what it says.
# A job names its tenant in its arguments: the worker serves all of them, and nobody else reads.
WORKERS_ALONE = "jobs"
ALL_TENANTS = {("relay", "outbox"), ("relay", "log")}
VALUES = {
    "uuid": "'cccccccc-cccc-7ccc-8ccc-cccccccccccc'::uuid",
    "text": "'x'",
    "bytea": "'x'::bytea",
    "jsonb": "'{}'::jsonb",
    "text[]": "'{}'::text[]",
    "timestamp with time zone": "now()",
    "boolean": "true",
    "date": "now()::date",
    "double precision": "1",
    "bigint": "1",
    "integer": "1",
    "smallint": "1",
}

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a tenant, and an expression for each column a row needs."""

    schema: str
    name: str
    partition: bool
    columns: dict[str, str]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def insert(self, tenant: UUID) -> sql.Composed:
        values = self.columns | {"tenant_id": f"'{tenant}'::uuid"}
        return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            self.identifier,
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.SQL(value) for value in values.values()),
        )

    def select(self) -> sql.Composed:
        return sql.SQL("SELECT tenant_id FROM {}").format(self.identifier)

    def update(self) -> sql.Composed:
        return sql.SQL("UPDATE {} SET tenant_id = {}").format(self.identifier, sql.Literal(A))

    def delete(self) -> sql.Composed:
        return sql.SQL("DELETE FROM {}").format(self.identifier)


@pytest.fixture(scope="module")
def migrator(database: MigratedDatabase) -> Iterator[Connection]:
    """The migrator, with a row of tenant B in every table."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        waiting = [table for table in tables(connection) if not table.partition]
        while waiting:
            left = [table for table in waiting if not inserted(connection, table.insert(B))]
            assert len(left) < len(waiting), f"no row fits {', '.join(map(str, left))}"
            waiting = left
        yield connection


@pytest.fixture(params=sorted(ROLES))
def target(request: pytest.FixtureRequest) -> str:
    """Each target whose role works in the database."""
    return str(request.param)


@pytest.fixture
def role(migrator: Connection, database: MigratedDatabase, target: str) -> Iterator[Connection]:
    """A connection as the target's role, in no tenant's name."""
    with psycopg.connect(database.service_url(target), autocommit=True) as connection:
        yield connection


def inserted(connection: Connection, row: sql.Composed) -> bool:
    """Whether a row went in; not if what it points at is not there yet."""
    try:
        connection.execute(row)
    except psycopg.errors.ForeignKeyViolation:
        return False
    return True


def tables(connection: Connection) -> list[Table]:
    found = connection.execute(
        "SELECT n.nspname, c.relname, c.relispartition"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s) ORDER BY 1, 2",
        [list(SCHEMAS.values())],
    ).fetchall()
    return [
        Table(schema, name, part, columns(connection, schema, name)) for schema, name, part in found
    ]


def columns(connection: Connection, schema: str, name: str) -> dict[str, str]:
    """Columns without a default, with a value their checks allow."""
    table = f"{schema}.{name}"
    needed = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull AND NOT atthasdef"
        " AND attidentity = ''",
        [table],
    ).fetchall()
    checks = connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'c'",
        [table],
    ).fetchall()
    values = {column: VALUES[kind] for column, kind in needed}
    for (check,) in checks:
        if allowed := re.search(r"\((\w+) = ANY \(ARRAY\[('[^']*')", check):
            values[allowed.group(1)] = allowed.group(2)
    return values


def within(connection: Connection, tenant: UUID | None, statement: sql.Composed) -> list[Any]:
    """What a statement returns or how many rows it changed, undone afterwards."""
    with connection.transaction(force_rollback=True):
        if tenant:
            connection.execute(f"SET LOCAL maitred.tenant = '{tenant}'")
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def refused(connection: Connection, tenant: UUID | None, statement: sql.Composed) -> bool:
    """Whether the role may not, or whether it touched nothing."""
    try:
        return within(connection, tenant, statement) in ([], [0])
    except psycopg.errors.InsufficientPrivilege:
        return True


def guarded(migrator: Connection, target: str) -> list[Table]:
    """The tables in which a role must see its own tenant only, if it sees anything."""
    return [
        table
        for table in tables(migrator)
        if (target, table.name) not in ALL_TENANTS
        and not (target == "relay" and table.schema == "events" and table.partition)
    ]


def test_there_are_tables_in_every_schema(migrator: Connection) -> None:
    schemas_of_tenants = set(SCHEMAS.values()) - {WORKERS_ALONE}
    assert {table.schema for table in tables(migrator)} == schemas_of_tenants


def test_nobody_but_the_worker_reads_jobs(role: Connection, target: str) -> None:
    if SCHEMAS[target] == WORKERS_ALONE:
        return
    readable = role.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r'"
        " AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')",
        [WORKERS_ALONE],
    ).fetchall()
    assert readable == []


def test_every_table_with_a_tenant_enables_and_forces_its_policy(migrator: Connection) -> None:
    bare = migrator.execute(
        "SELECT c.oid::regclass::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY(%s)"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        [list(SCHEMAS.values())],
    ).fetchall()
    assert bare == []


@pytest.mark.parametrize("tenant", [A, None], ids=["another tenant", "no tenant"])
def test_a_role_reads_and_writes_no_rows_of(
    migrator: Connection, role: Connection, target: str, tenant: UUID | None
) -> None:
    reached = [
        f"{operation} {table}"
        for table in guarded(migrator, target)
        for operation, statement in (
            ("SELECT", table.select()),
            ("UPDATE", table.update()),
            ("DELETE", table.delete()),
            ("INSERT", table.insert(B)),
        )
        if not refused(role, tenant, statement)
    ]
    assert reached == []


def test_a_setting_that_was_reset_is_no_tenant(
    migrator: Connection, role: Connection, target: str
) -> None:
    """After a first SET LOCAL the setting is empty, not missing."""
    within(role, A, sql.SQL("SELECT 1").format())
    assert role.execute("SELECT current_setting('maitred.tenant', true)").fetchone() == ("",)
    for table in guarded(migrator, target):
        assert refused(role, None, table.select())
        assert refused(role, None, table.insert(B))


def test_a_role_sees_the_rows_of_its_own_tenant(
    migrator: Connection, role: Connection, target: str
) -> None:
    """Otherwise the tests above would pass on tables nobody can read."""
    for table in tables(migrator):
        if table.schema == SCHEMAS[target] and not table.partition:
            # What is told of other rows is told in the outbox, too.
            assert {*within(role, B, table.select())} == {(B,)}, str(table)


def test_a_role_can_move_no_row_to_another_tenant(
    migrator: Connection, role: Connection, target: str
) -> None:
    for table in guarded(migrator, target):
        assert refused(role, B, table.update()), str(table)


def test_a_role_reaches_no_other_schema(
    migrator: Connection, role: Connection, target: str
) -> None:
    """Producers may add to the outbox, consumers keep dead letters, and that is all."""
    rights = migrator.execute(
        "SELECT n.nspname, c.relname, p.name FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace,"
        " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p (name)"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(%s) AND n.nspname <> %s"
        " AND has_table_privilege(%s, c.oid, p.name)",
        [list(SCHEMAS.values()), SCHEMAS[target], ROLES[target]],
    ).fetchall()
    letters = {("events", "dead_letters", right) for right in ("SELECT", "INSERT", "UPDATE")}
    assert set(rights) <= {("events", "outbox", "INSERT")} | letters


def test_roles_have_no_way_around_policies(migrator: Connection) -> None:
    powers = migrator.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'maitred\\_%%'"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"
    ).fetchall()
    owned = migrator.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE r.rolname = ANY(%s)",
        [list(ROLES.values())],
    ).fetchall()
    assert (powers, owned) == ([], [])


def test_the_tenant_leads_every_index(migrator: Connection) -> None:
    """But of the outbox and the log, which go by partition, and of names unique to all tenants."""
    astray = migrator.execute(
        "SELECT i.indexrelid::regclass::text FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'"
        " WHERE n.nspname = ANY(%s) AND n.nspname <> 'events' AND i.indkey[0] <> t.attnum"
        " ORDER BY 1",
        [list(SCHEMAS.values())],
    ).fetchall()
    assert astray == [("identity.tenants_slug_key",)]
