"""Transactions of a tenant, and what a pool gives back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest
from asyncpg import connect_utils

from services.chassis.data.postgres import Database
from tests.support.servers import MigratedDatabase

A, B = UUID(int=1), UUID(int=2)
INSERT = (
    "INSERT INTO orders.catalogs (tenant_id, version, document, update_time)"
    " VALUES ($1, 1, '', now())"
)
COUNT = "SELECT count(*) FROM orders.catalogs"


@pytest.fixture
async def orders(database: MigratedDatabase) -> AsyncIterator[Database]:
    async with Database.connect(database.service_url("orders"), max_size=2) as connected:
        for tenant in (A, B):
            async with connected.tenant(tenant) as connection:
                await connection.execute("DELETE FROM orders.catalogs")
        yield connected


async def count(database: Database, tenant: UUID) -> int:
    async with database.tenant(tenant) as connection:
        found: int = await connection.fetchval(COUNT)
    return found


async def test_a_tenant_sees_what_it_committed_and_no_other_does(orders: Database) -> None:
    async with orders.tenant(A) as connection:
        await connection.execute(INSERT, A)
    assert (await count(orders, A), await count(orders, B)) == (1, 0)


async def test_what_raises_is_rolled_back(orders: Database) -> None:
    async def fail() -> None:
        async with orders.tenant(A) as connection:
            await connection.execute(INSERT, A)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(orders, A) == 0


async def test_what_is_cancelled_is_rolled_back_and_its_connection_is_sound(
    orders: Database,
) -> None:
    written = asyncio.Event()

    async def hang() -> None:
        async with orders.tenant(A) as connection:
            await connection.execute(INSERT, A)
            written.set()
            await connection.execute("SELECT pg_sleep(60)")

    for _ in range(5):
        task = asyncio.ensure_future(hang())
        await written.wait()
        written.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await count(orders, A) == 0


async def test_a_request_to_cancel_that_is_lost_leaves_no_lock(
    orders: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it overtakes its statement: the server cancels what it has not begun to run."""

    async def lose(**_arguments: object) -> None:
        """The driver's part that would tell the server."""

    written = asyncio.Event()

    async def hang() -> None:
        async with orders.tenant(A) as connection:
            await connection.execute(INSERT, A)
            written.set()
            await connection.execute("SELECT pg_sleep(60)")

    async def insert() -> None:
        while True:
            with suppress(asyncpg.LockNotAvailableError):
                async with orders.tenant(A) as connection:
                    await connection.execute(INSERT, A)
                    return

    with monkeypatch.context() as patched:
        patched.setattr(connect_utils, "_cancel", lose)
        task = asyncio.ensure_future(hang())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(insert(), 20)


async def test_a_transaction_cancelled_twice_leaves_a_sound_pool(orders: Database) -> None:
    async def hang() -> None:
        async with orders.tenant(A) as connection:
            await connection.execute("SELECT pg_sleep(60)")

    for _ in range(5):
        task = asyncio.ensure_future(hang())
        await asyncio.sleep(0.05)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await count(orders, A) == 0


async def test_a_failed_statement_leaves_a_sound_connection(orders: Database) -> None:
    for _ in range(5):
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with orders.tenant(A) as connection:
                await connection.execute("SELECT 1 / 0")
    assert await count(orders, A) == 0


async def test_a_tenant_ends_with_its_transaction(orders: Database) -> None:
    """The pool resets nothing, so nothing may be left to reset."""
    async with orders.tenant(A) as connection:
        await connection.execute(INSERT, A)
    for _ in range(4):
        async with orders.connection() as connection:
            assert not await connection.fetchval("SELECT current_setting('maitred.tenant', true)")
            assert await connection.fetchval("SHOW lock_timeout") == "0"
            assert await connection.fetchval(COUNT) == 0


async def test_outside_of_a_tenant_nothing_is_seen_and_nothing_can_be_written(
    orders: Database,
) -> None:
    async with orders.tenant(A) as connection:
        await connection.execute(INSERT, A)
    async with orders.transaction() as connection:
        assert await connection.fetchval(COUNT) == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(INSERT, B)


async def test_a_tenant_can_only_be_a_uuid(orders: Database) -> None:
    with pytest.raises(AttributeError):
        async with orders.tenant("'; DROP TABLE orders.catalogs; --"):  # type: ignore[arg-type]
            pass


async def test_a_wait_for_a_lock_ends_after_two_seconds(orders: Database) -> None:
    async with orders.tenant(A) as first:
        await first.execute(INSERT, A)
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with orders.tenant(A) as second:
                await second.execute(INSERT, A)


async def test_the_database_is_asked_whether_it_answers(orders: Database) -> None:
    await orders.ping()
