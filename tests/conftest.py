"""Fixtures every folder may use. Servers start at their first use, once per run."""

import re
from collections.abc import Generator, Iterator

import pytest
import redis
import structlog
from hypothesis import HealthCheck, settings

from services.assembly.home import Home
from tests.support.mesh import RunningMesh, running_mesh
from tests.support.ports import nowhere
from tests.support.reports import shorten, warnings
from tests.support.servers import (
    MigratedDatabase,
    Servers,
    claim_home,
    migrated_copy,
    migrated_template,
    start_servers,
)

# How long an example takes says how busy the machine is.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed as much is told as one reads, with what its mesh had to say."""
    report = yield
    if report.failed:
        shorten(report)
        mesh = getattr(item, "funcargs", {}).get("mesh")
        if mesh is not None:
            report.sections += warnings(mesh.home.logs, call.start)
    return report


@pytest.fixture(scope="session", autouse=True)
def apart() -> Iterator[None]:
    """No service of a test finds another by its default address: what runs there is not ours."""
    with pytest.MonkeyPatch.context() as patch:
        for name, address in nowhere().items():
            patch.setenv(name, address)
        yield


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks are logged as Python writes them.

    Drawn with the values of everything, as the console does, one takes a second or more, in which
    nothing else runs in the test's process.
    """
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """The state folder of this run, no other's."""
    with claim_home() as ours:
        yield ours


@pytest.fixture(scope="session")
def servers(home: Home) -> Iterator[Servers]:
    """The Postgres and Valkey of this run."""
    with start_servers(home) as started:
        yield started


@pytest.fixture(scope="package")
def mesh(home: Home) -> Iterator[RunningMesh]:
    """The complete mesh, every target a process of its own, with the demo tenants.

    It runs until the last test of the folder whose `conftest.py` names it, or of all tests.
    """
    with running_mesh(Home(home.path / "mesh")) as started:
        yield started


@pytest.fixture(scope="module")
def empty_database_url(servers: Servers, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of this test module's own, as the migrator."""
    name = database_name("empty", request)
    yield servers.create_database(name, template="maitred")
    servers.drop_database(name)


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> Iterator[str]:
    """The name of a migrated database to copy."""
    with migrated_template(servers) as name:
        yield name


@pytest.fixture(scope="module")
def database(
    servers: Servers, migrated: str, request: pytest.FixtureRequest
) -> Iterator[MigratedDatabase]:
    """A migrated database of this test module's own."""
    with migrated_copy(servers, migrated, database_name("migrated", request)) as copy:
        yield copy


@pytest.fixture(scope="module")
def redis_url(servers: Servers) -> str:
    """The Valkey of this run, empty when the module begins."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


def database_name(kind: str, request: pytest.FixtureRequest) -> str:
    """A database name that tells which test uses it."""
    return re.sub(r"\W+", "_", f"{kind}_{request.node.nodeid}".lower())[:63]
