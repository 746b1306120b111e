"""All schemas, and the role each service works as."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.assembly.home import Home
from services.assembly.refusal import Refusal
from services.chassis.data.migrate import SchemaMigrations, migrate
from services.chassis.run.config import ProcessConfig


def schemas() -> Mapping[str, SchemaMigrations]:
    """The schema each target owns, by target; first those that others write to."""
    from gateway.identity.migrations import SCHEMA as IDENTITY
    from services.bandit.migrations import SCHEMA as BANDIT
    from services.coordinator.migrations import SCHEMA as COORDINATOR
    from services.learning.migrations import SCHEMA as LEARNING
    from services.orders.migrations import SCHEMA as ORDERS
    from services.relay.migrations import SCHEMA as EVENTS
    from services.retrieval.migrations import SCHEMA as RETRIEVAL
    from services.worker.migrations import SCHEMA as JOBS

    return {
        "relay": EVENTS,
        "worker": JOBS,
        "orders": ORDERS,
        "coordinator": COORDINATOR,
        "gateway": IDENTITY,
        "bandit": BANDIT,
        "learning": LEARNING,
        "retrieval": RETRIEVAL,
    }


def service_urls(
    database_url: str, home: Home, configured: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """Each target's own database URL: the one configured, else its role on the migrator's server.

    The passwords of roles without a configured URL are generated and kept in the state folder.
    """
    chosen = configured or {}
    return {
        target: service_url(target, database_url, home, chosen.get(target, ""))
        for target in schemas()
    }


def service_url(target: str, database_url: str, home: Home, configured: str) -> str:
    """As `service_urls`, of one target."""
    role = schemas()[target].role
    return configured or _as_role(database_url, role, home.secret(f"{role}.password"))


def database_fields(config: type[ProcessConfig], urls: Mapping[str, str]) -> Mapping[str, str]:
    """What the fields of a target's settings that name a service's database are to hold.

    Args:
        config: its settings; a field of `MAITRED_DB_<SERVICE>_URL` is that service's.
        urls: of `service_urls`.
    """
    by_variable = {f"MAITRED_DB_{target.upper()}_URL": url for target, url in urls.items()}
    return {
        field: by_variable[variable]
        for field in config.model_fields
        if (variable := config.variable(field)) in by_variable
    }


def migrate_all(database_url: str, urls: Mapping[str, str]) -> list[str]:
    """Bring every schema to its newest revision and give each role the password of its URL.

    Args:
        database_url: the migrator's.
        urls: of `service_urls`.

    Returns:
        What moved, `orders: 0001 → 0002`.

    Raises:
        Refusal: the database cannot be reached, or the migrator may not do there what it must.
    """
    known = [_with_password(schema, urls[target]) for target, schema in schemas().items()]
    try:
        return asyncio.run(migrate(database_url, known))
    except (
        OSError,
        asyncpg.InterfaceError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
    ) as error:
        parts = urlsplit(database_url)
        where = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise Refusal(f"cannot migrate {where}: {error}") from error


def _with_password(schema: SchemaMigrations, url: str) -> SchemaMigrations:
    parts = urlsplit(url)
    # A URL of another role is somebody else's to set up.
    if parts.username != schema.role:
        return schema
    return replace(schema, password=parts.password or "")


def _as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))
