"""Fixtures every folder may use. Servers start at their first use, once per run."""

import re
from collections.abc import Iterator

import pytest
import redis

from tests.support.servers import Servers, start_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The Postgres and Valkey of this run."""
    with start_servers() as started:
        yield started


@pytest.fixture(scope="module")
def empty_database_url(servers: Servers, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of this test module's own, as the migrator."""
    name = database_name("empty", request)
    yield servers.create_database(name, template="maitred")
    servers.drop_database(name)


@pytest.fixture(scope="module")
def redis_url(servers: Servers) -> str:
    """The Valkey of this run, empty when the module begins."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


def database_name(kind: str, request: pytest.FixtureRequest) -> str:
    """A database name that tells which test uses it."""
    return re.sub(r"\W+", "_", f"{kind}_{request.node.nodeid}".lower())[:63]
