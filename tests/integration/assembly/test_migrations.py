"""Every schema together, as `maitred up` and `maitred migrate` bring it about."""

import psycopg
import pytest

from services.assembly.migrations import migrate_all, schemas, service_urls
from services.assembly.refusal import Refusal
from tests.support.servers import MigratedDatabase, Servers


def test_a_database_at_head_is_left_alone(database: MigratedDatabase, servers: Servers) -> None:
    assert migrate_all(database.url, service_urls(database.url, servers.home)) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://maitred:secret@127.0.0.1:1/maitred", "127.0.0.1:1/maitred: "),
        ("mysql://maitred:secret@db.example/maitred", "db.example/maitred: invalid DSN"),
    ],
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(
    servers: Servers, url: str, said: str
) -> None:
    with pytest.raises(Refusal) as refused:
        migrate_all(url, service_urls(url, servers.home))
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_migrator_who_may_make_no_roles_is_told_so(
    database: MigratedDatabase, servers: Servers
) -> None:
    with pytest.raises(Refusal, match="permission denied"):
        migrate_all(database.service_url("orders"), service_urls(database.url, servers.home))


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
