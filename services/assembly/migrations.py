"""All schemas, and the role each service works as."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from services.assembly.home import Home
from services.assembly.targets import TARGETS, Target
from services.chassis.data.migrate import SchemaMigrations, migrate


def service_urls(
    database_url: str, home: Home, targets: Sequence[Target] = TARGETS
) -> Mapping[str, str]:
    """Each target's own database URL: the one configured, else its role on the migrator's server.

    The passwords of roles without a configured URL are generated and kept in the state folder.
    """
    urls = {}
    for target in targets:
        wiring = target.load()
        role = wiring.schema.role
        configured = wiring.config().database_url
        urls[target.name] = configured or _as_role(
            database_url, role, home.secret(f"{role}.password")
        )
    return urls


def migrate_all(
    database_url: str, urls: Mapping[str, str], targets: Sequence[Target] = TARGETS
) -> list[str]:
    """Bring every schema to its newest revision and give each role the password of its URL.

    Args:
        database_url: the migrator's.
        urls: of `service_urls`.
        targets: those whose schemas are meant, the relay's first: others write to its outbox.

    Returns:
        What moved, `orders: 0001 → 0002`.
    """
    schemas = [_with_password(target.load().schema, urls[target.name]) for target in targets]
    return asyncio.run(migrate(database_url, schemas))


def _with_password(schema: SchemaMigrations, url: str) -> SchemaMigrations:
    parts = urlsplit(url)
    # A URL of another role is somebody else's to set up.
    return (
        replace(schema, password=parts.password or "") if parts.username == schema.role else schema
    )


def _as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))
