"""Postgres: a pool, transactions of one tenant, SQL in named blocks.

Row-level security lets a statement see a tenant's rows only inside a transaction that has said
which tenant it works for; `Database.tenant` opens such a one with a single round trip.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

# What a loop that outlives its database expects: refusals, lost connections, and a protocol that
# was cut off in the middle of an answer.
FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# How long a statement waits for somebody else's lock before it fails with 55P03.
LOCK_TIMEOUT_MS = 2000

# A request to cancel that overtakes its statement is lost, so a rollback cannot wait for the
# statement's end: its connection is cut, and the server, which looks this often whether the other
# end is still there, rolls back. The same frees the locks of a process that was killed.
ROLLBACK_S = 2.0
GONE_CHECK = "1s"


class Database:
    """The connections of one process to its database, by its own role."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, min_size: int = 1, max_size: int = 8, application: str = "maitred"
    ) -> AsyncIterator["Database"]:
        """A pool of `min_size` to `max_size` connections, closed at the end.

        Raises:
            OSError, asyncpg.PostgresError: the first connections cannot be made.
        """
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            # Only SET LOCAL is ever used, so a connection comes back as it went.
            reset=_keep,
            command_timeout=30,
            server_settings={
                "application_name": application,
                "client_connection_check_interval": GONE_CHECK,
            },
        )
        try:
            yield cls(pool)
        finally:
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """A transaction that sees and writes this tenant's rows; commits unless it raises."""
        opening = (
            f"BEGIN; SET LOCAL maitred.tenant='{UUID(int=tenant_id.int)}';"
            f" SET LOCAL lock_timeout={LOCK_TIMEOUT_MS}"
        )
        async with self._begun(opening) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction of no tenant, for what belongs to none."""
        async with self._begun("BEGIN") as connection:
            yield connection

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection on which every statement is a transaction of its own.

        For functions that set their tenant themselves: one round trip instead of three.
        """
        return self._pool.acquire()

    async def ping(self) -> None:
        """Raises unless the database answers."""
        async with self._pool.acquire() as connection:
            await connection.execute("SELECT 1")

    @asynccontextmanager
    async def _begun(self, opening: str) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection:
            try:
                await connection.execute(opening)
                yield connection
            except BaseException:
                await _roll_back(connection)
                raise
            await connection.execute("COMMIT")


class Queries:
    """The named blocks of a `queries.sql`, as attributes.

    A block begins with `-- name: get_order` and a comment that says what it is for.
    """

    def __init__(self, text: str) -> None:
        self._blocks = dict(_blocks(text))

    @classmethod
    def load(cls, package: str, name: str = "queries.sql") -> "Queries":
        """Reads the file beside the modules of `package`."""
        return cls(files(package).joinpath(name).read_text(encoding="utf-8"))

    def __getattr__(self, name: str) -> str:
        try:
            return self._blocks[name]
        except KeyError:
            raise AttributeError(f"no block named {name}") from None


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split("-- name: ")[1:]:
        name, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        yield name.strip(), "\n".join(lines).strip().rstrip(";")


async def _keep(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A pool's reset that resets nothing."""


async def _roll_back(connection: Connection) -> None:
    """Ends a failed transaction; a connection that cannot is cut, never reused."""
    try:
        await connection.execute("ROLLBACK", timeout=ROLLBACK_S)
    except BaseException as fault:
        # The driver may have cut it already, and then refuses to be asked anything.
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        if not isinstance(fault, FAULTS):
            raise
