"""What the relay's tables take up: no more however much goes through; and months come in time."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from services.chassis.data.outbox import INSERT, partition_of
from services.chassis.data.postgres import Connection
from tests.integration.relay.relaying import PARTITION, TENANT, Bench, event, eventually

PAGE = 8192


async def size(bench: Bench, table: str) -> int:
    """Bytes of a table and its indexes."""
    async with bench.admin.connection() as connection:
        found: int = await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
        return found


async def push(bench: Bench, count: int) -> None:
    rows = [
        (
            partition_of(TENANT),
            one.event_id,
            TENANT,
            one.type,
            one.aggregate_id,
            one.principal_id,
            bytes(500),
        )
        for one in (event(number) for number in range(count))
    ]
    async with bench.producer.tenant(TENANT) as connection:
        await connection.executemany(INSERT, rows)


async def test_the_outbox_stays_as_large_as_what_waits_at_once(bench: Bench) -> None:
    store = bench.store()
    held = await store.take_partitions()
    sizes = []
    for _ in range(4):
        await push(bench, 5000)
        while await store.move(held, 500):
            pass
        async with bench.admin.connection() as connection:
            await connection.execute("VACUUM events.outbox")
        sizes.append(await size(bench, "events.outbox"))
    assert len(await bench.log()) == 20_000
    # Less than half of what one of the four rounds brought.
    assert max(sizes) < 5000 * 500 / 2


async def test_rows_that_are_always_updated_stay_where_they_are(bench: Bench) -> None:
    """Heads and leases change all the time, and no index with them."""
    store = bench.store()
    held = await store.take_partitions()
    await push(bench, 400)
    for _ in range(400):
        await store.renew_partitions(held)
        await store.move(held, 1)
    assert await size(bench, "events.partitions") <= 16 * PAGE
    async with bench.admin.connection() as connection:
        definitions = await connection.fetch(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'events'"
            " AND tablename = 'partitions'"
        )
    assert [row["indexdef"].rpartition(" ")[2] for row in definitions] == ["(partition)"]


async def test_renewing_waits_for_a_move_with_nothing_locked_that_the_move_needs(
    bench: Bench,
) -> None:
    """A move locks partitions in their order; so must whoever else locks several."""
    store = bench.store()
    held = await store.take_partitions()
    backwards = dict(sorted(held.items(), reverse=True))
    async with bench.admin.transaction() as move:
        await locked(move, 3)
        renewal = asyncio.ensure_future(store.renew_partitions(backwards))
        release = asyncio.ensure_future(bench.store().release_partitions(backwards))

        async def both_wait() -> bool:
            # As the role whose sessions they are.
            async with bench.database.connection() as connection:
                waiting: int = await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                )
            return waiting == 2

        await eventually(both_wait)
        for partition in range(4, 16):
            await locked(move, partition)
    await renewal
    await release


async def locked(connection: Connection, partition: int) -> None:
    """Locks a partition as a move does; fails if somebody else has it."""
    await connection.execute(
        "SELECT 1 FROM events.partitions WHERE partition = $1 FOR UPDATE NOWAIT", partition
    )


@pytest.fixture
def this_month() -> str:
    return f"events.log_{datetime.now(UTC):%Y_%m}"


async def test_a_month_nobody_made_in_time_is_made_by_the_first_move(
    bench: Bench, this_month: str
) -> None:
    async with bench.relaying(poll_s=0.05):
        await bench.write(event(1))
        await bench.streamed(1)
        async with bench.admin.connection() as connection:
            await connection.execute(f"DROP TABLE {this_month}")
        await bench.write(event(2))
        await bench.streamed(2)
    assert await bench.seqs(PARTITION) == [1, 2]
    assert [one.cursor.seq for one in await bench.log()] == [2]


async def test_months_are_not_waited_for_behind_a_backup(bench: Bench) -> None:
    """Whoever waits for the whole log stops everybody who comes after."""
    await bench.store().keep_log_month(datetime(2020, 2, 15, tzinfo=UTC))
    async with bench.admin.transaction() as backup:
        await backup.execute("LOCK TABLE events.log IN ACCESS SHARE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await bench.store().drop_log_months_before(datetime(2020, 3, 1, tzinfo=UTC))
    assert await bench.store().drop_log_months_before(datetime(2020, 3, 1, tzinfo=UTC)) == 1
