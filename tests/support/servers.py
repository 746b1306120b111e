"""Postgres and Valkey for a test run, and databases in them."""

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import psycopg
from psycopg import sql

from services.assembly.embedded import EmbeddedPostgres, EmbeddedValkey, Server
from services.assembly.home import CHECKOUT, Home
from services.assembly.migrations import migrate_all, service_urls
from tests.support.ports import free_port

TESTS_HOME = CHECKOUT / ".maitred" / "test"
START_S = 60.0
DROPPED_S = 30.0


@contextmanager
def claim_home(under: Path = TESTS_HOME) -> Iterator[Home]:
    """The first state folder below `under` that no other test run uses at this moment.

    Folders are kept, so that the next run finds a Postgres cluster already made.
    """
    for number in itertools.count(1):
        home = Home(under / str(number)).ensure()
        with home.held() as ours:
            if ours:
                yield home
                return


@contextmanager
def running(server: Server, stop_signal: Signals, seconds: float = START_S) -> Iterator[None]:
    """The server, ready, for as long as the block lasts."""
    server.prepare()
    process = server.start()
    try:
        deadline = time.monotonic() + seconds
        while not server.is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{server} did not start: exit status {process.poll()}")
            time.sleep(0.01)
        yield
    finally:
        process.send_signal(stop_signal)
        process.wait()


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a test run.

    Attributes:
        postgres_url: the migrator's, on the database `maitred`, which tests leave alone.
        redis_url: database 0 of a Valkey of our own.
        home: keeps the passwords of the services' roles.
    """

    postgres_url: str
    redis_url: str
    home: Home

    def url_of(self, database: str) -> str:
        """The migrator's URL on another database of the same server."""
        return f"{self.postgres_url.rpartition('/')[0]}/{database}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database, in place of any of that name, as a copy of `template`; its URL."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            _drop(connection, name)
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            _drop(connection, name)

    def drop_leftovers(self) -> None:
        """Drop what a killed run has left behind: every database but the server's own."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database"
                " WHERE NOT datistemplate AND datname NOT IN ('postgres', 'maitred')"
            ).fetchall()
            for (name,) in left:
                _drop(connection, name)


@dataclass(frozen=True, slots=True)
class MigratedDatabase:
    """A database of one test module's own, every schema at its newest revision.

    Attributes:
        url: the migrator's.
        service_urls: by target, each as its service's role.
    """

    url: str
    service_urls: Mapping[str, str]

    def service_url(self, target: str) -> str:
        """The URL a target's process would be given."""
        return self.service_urls[target]


@contextmanager
def migrated_template(servers: Servers) -> Iterator[str]:
    """The name of a database to copy: migrating once and copying is much faster."""
    name = "template_migrated"
    url = servers.create_database(name, template="maitred")
    migrate_all(url, service_urls(url, servers.home))
    yield name
    servers.drop_database(name)


@contextmanager
def migrated_copy(servers: Servers, template: str, name: str) -> Iterator[MigratedDatabase]:
    """A copy of the migrated template, dropped in the end."""
    url = servers.create_database(name, template)
    yield MigratedDatabase(url, service_urls(url, servers.home))
    servers.drop_database(name)


def _drop(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    plain = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    forced = plain + sql.SQL(" WITH (FORCE)")
    deadline = time.monotonic() + DROPPED_S
    while True:
        # To FORCE autovacuum is a superuser's session; a plain drop asks it to leave.
        for drop in (forced, plain):
            try:
                connection.execute(drop)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
                # Somebody came back, or has not left within Postgres' own five seconds.
                if time.monotonic() > deadline:
                    raise
            else:
                return


@contextmanager
def start_servers(home: Home) -> Iterator[Servers]:
    """Both servers, with their data in `home`, until the block ends."""
    with ExitStack() as stack:
        postgres = EmbeddedPostgres(home, free_port())
        valkey = EmbeddedValkey(home, free_port())
        stack.enter_context(running(postgres, SIGINT))
        stack.enter_context(running(valkey, SIGTERM))
        servers = Servers(postgres.url, valkey.url, home)
        servers.drop_leftovers()
        yield servers
