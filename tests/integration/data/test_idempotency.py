"""A write happens once for a key, and twins get the same answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest

from services.chassis.data.idempotency import Answer, IdempotencyKeys, Scope
from services.chassis.data.postgres import Connection, Database
from services.chassis.rpc.errors import Failure
from tests.support.servers import MigratedDatabase

TENANT = UUID(int=7)
SCOPE = Scope(TENANT, "gst_1", "PlaceOrder", "key-1")

Work = Callable[[Connection], Awaitable[bytes]]


class Counted:
    """Work that counts how often it is done."""

    def __init__(self, answer: bytes = b"done") -> None:
        self.times = 0
        self._answer = answer

    async def __call__(self, connection: Connection) -> bytes:
        self.times += 1
        await connection.execute("SELECT 1")
        return self._answer


@pytest.fixture
async def database_of_orders(database: MigratedDatabase) -> AsyncIterator[Database]:
    async with Database.connect(database.service_url("orders"), max_size=20) as connected:
        async with connected.tenant(TENANT) as connection:
            await connection.execute("DELETE FROM orders.idempotency_keys")
        yield connected


@pytest.fixture
def keys(database_of_orders: Database) -> IdempotencyKeys:
    return IdempotencyKeys(database_of_orders, "orders")


async def test_a_replayed_key_returns_the_first_answer(keys: IdempotencyKeys) -> None:
    work = Counted()
    assert await keys.run_once(SCOPE, b"latte", work) == Answer(b"done", replayed=False)
    assert await keys.run_once(SCOPE, b"latte", work) == Answer(b"done", replayed=True)
    assert work.times == 1


async def test_what_was_kept_for_a_key_is_told_without_work(keys: IdempotencyKeys) -> None:
    assert await keys.stored(SCOPE, b"latte") is None
    await keys.run_once(SCOPE, b"latte", Counted())
    assert await keys.stored(SCOPE, b"latte") == Answer(b"done", replayed=True)
    with pytest.raises(Failure) as refused:
        await keys.stored(SCOPE, b"espresso")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_the_same_key_with_another_request_is_refused(keys: IdempotencyKeys) -> None:
    await keys.run_once(SCOPE, b"latte", Counted())
    work = Counted()
    with pytest.raises(Failure) as refused:
        await keys.run_once(SCOPE, b"espresso", work)
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert work.times == 0


@pytest.mark.parametrize(
    "other",
    [
        Scope(UUID(int=8), "gst_1", "PlaceOrder", "key-1"),
        Scope(TENANT, "gst_2", "PlaceOrder", "key-1"),
        Scope(TENANT, "gst_1", "CreateQuote", "key-1"),
        Scope(TENANT, "gst_1", "PlaceOrder", "key-2"),
    ],
    ids=["tenant", "principal", "rpc", "key"],
)
async def test_the_same_key_elsewhere_is_another_key(keys: IdempotencyKeys, other: Scope) -> None:
    await keys.run_once(SCOPE, b"latte", Counted())
    work = Counted()
    answer = await keys.run_once(other, b"espresso", work)
    assert (answer.replayed, work.times) == (False, 1)


async def test_without_a_key_work_is_done_each_time(keys: IdempotencyKeys) -> None:
    work = Counted()
    for _ in range(2):
        assert not (await keys.run_once(Scope(TENANT, "gst_1", "X", ""), b"", work)).replayed
    assert work.times == 2


async def test_a_failure_is_not_stored(keys: IdempotencyKeys) -> None:
    async def fail(connection: Connection) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keys.run_once(SCOPE, b"latte", fail)
    # Nor is what was asked: the same key may come back with another request.
    assert not (await keys.run_once(SCOPE, b"espresso", Counted())).replayed


async def test_concurrent_twins_wait_and_get_the_first_answer(keys: IdempotencyKeys) -> None:
    work = Counted()

    async def slowly(connection: Connection) -> bytes:
        await connection.execute("SELECT pg_sleep(0.1)")
        return await work(connection)

    answers = await asyncio.gather(*(keys.run_once(SCOPE, b"latte", slowly) for _ in range(20)))
    assert work.times == 1
    assert {answer.body for answer in answers} == {b"done"}
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19


async def test_a_twin_of_a_failing_write_does_the_work_itself(keys: IdempotencyKeys) -> None:
    began = asyncio.Event()

    async def fail_slowly(connection: Connection) -> bytes:
        began.set()
        await connection.execute("SELECT pg_sleep(0.1)")
        raise ZeroDivisionError

    first = asyncio.ensure_future(keys.run_once(SCOPE, b"latte", fail_slowly))
    await began.wait()
    twin = await keys.run_once(SCOPE, b"latte", Counted(b"by the twin"))
    assert twin == Answer(b"by the twin", replayed=False)
    with pytest.raises(ZeroDivisionError):
        await first


async def test_a_twin_that_waits_too_long_is_told_to_come_back(keys: IdempotencyKeys) -> None:
    began, end = asyncio.Event(), asyncio.Event()

    async def until_told(connection: Connection) -> bytes:
        began.set()
        await end.wait()
        return b"late"

    first = asyncio.ensure_future(keys.run_once(SCOPE, b"latte", until_told))
    await began.wait()
    with pytest.raises(Failure) as refused:
        await keys.run_once(SCOPE, b"latte", Counted())
    assert refused.value.reason == "REQUEST_IN_PROGRESS"
    assert refused.value.retry_after == 1
    end.set()
    assert await first == Answer(b"late", replayed=False)


async def test_an_expired_key_is_free_again(
    keys: IdempotencyKeys, database_of_orders: Database
) -> None:
    await keys.run_once(SCOPE, b"latte", Counted())
    async with database_of_orders.tenant(TENANT) as connection:
        await connection.execute(
            "UPDATE orders.idempotency_keys SET expire_time = now() - interval '1 second'"
        )
    again = await keys.run_once(SCOPE, b"espresso", Counted(b"again"))
    assert again == Answer(b"again", replayed=False)
    assert await keys.run_once(SCOPE, b"espresso", Counted()) == Answer(b"again", replayed=True)


async def test_a_key_lives_for_a_day(keys: IdempotencyKeys, database_of_orders: Database) -> None:
    await keys.run_once(SCOPE, b"latte", Counted())
    async with database_of_orders.tenant(TENANT) as connection:
        assert await connection.fetchval(
            "SELECT expire_time - create_time = interval '24 hours' FROM orders.idempotency_keys"
        )
