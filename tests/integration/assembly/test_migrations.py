"""Every schema together, as `maitred up` and `maitred migrate` bring it about."""

import psycopg
import pytest

from services.assembly.migrations import migrate_all, schemas, service_urls
from tests.support.servers import MigratedDatabase, Servers


def test_a_database_at_head_is_left_alone(database: MigratedDatabase, servers: Servers) -> None:
    assert migrate_all(database.url, service_urls(database.url, servers.home)) == []


@pytest.mark.parametrize("target", sorted(schemas()))
def test_each_service_works_as_a_role_that_row_security_binds(
    database: MigratedDatabase, target: str
) -> None:
    with psycopg.connect(database.service_url(target)) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
            " WHERE rolname = user"
        ).fetchone()

    assert row == (schemas()[target].role, False, False, False)


@pytest.mark.parametrize("target", sorted(schemas()))
def test_no_service_reads_another_ones_schema(database: MigratedDatabase, target: str) -> None:
    others = [schema.schema for name, schema in schemas().items() if name != target]
    with psycopg.connect(database.service_url(target)) as connection:
        readable = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema = ANY(%s) AND has_table_privilege("
            "format('%%I.%%I', table_schema, table_name), 'SELECT')",
            [others],
        ).fetchall()

    # Whoever reads the log keeps the events it could not apply where they are shown.
    shared = [("events", "dead_letters")] if schemas()[target].consumes else []
    assert readable == shared
