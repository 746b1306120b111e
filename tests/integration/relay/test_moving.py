"""From the outbox to the log: every committed event once, numbered densely, under a lease."""

import asyncio
import random
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest

from services.chassis.data.outbox import OutboxNotifier, append, partition_of
from services.chassis.data.streams import Cursor
from services.relay.store import Backlog
from tests.integration.relay.relaying import PARTITION, TENANT, Bench, event, eventually


async def test_a_committed_event_is_logged_and_streamed_as_it_was_written(bench: Bench) -> None:
    written = event(7)
    async with bench.relaying():
        await bench.write(written)
        await bench.streamed(1)
    (streamed,) = await bench.stream()
    assert streamed.payload == written.payload == b"7"
    assert streamed.cursor == Cursor(PARTITION, 1)
    assert (streamed.tenant_id, streamed.principal_id, streamed.type) == (
        TENANT,
        "gst_1",
        "maitred.order.v1",
    )
    assert await bench.log() == [streamed]
    assert await bench.waiting() == 0


async def written_and_rolled_back(bench: Bench) -> None:
    async with bench.producer.tenant(TENANT) as connection:
        await append(connection, event(1))
        raise ZeroDivisionError


async def test_a_rolled_back_event_is_never_seen(bench: Bench) -> None:
    async with bench.relaying():
        with pytest.raises(ZeroDivisionError):
            await written_and_rolled_back(bench)
        await bench.write(event(2))
        await bench.streamed(1)
    assert [one.payload for one in await bench.stream()] == [b"2"]
    assert await bench.seqs() == [1]


async def test_a_lower_id_that_commits_later_is_not_lost(bench: Bench) -> None:
    """Reading `id > last seen` would lose it."""
    async with bench.relaying():
        async with bench.producer.tenant(TENANT) as slow:
            await append(slow, event(1))
            await bench.write(event(2))
            await bench.streamed(1)
        await bench.streamed(2)
    assert [one.payload for one in await bench.stream()] == [b"2", b"1"]
    assert await bench.seqs() == [1, 2]


async def test_concurrent_producers_lose_and_double_nothing(bench: Bench) -> None:
    tenants = [UUID(int=number) for number in range(4)]
    committed: dict[int, list[tuple[UUID, str, bytes]]] = {number: [] for number in range(16)}

    async def produce(number: int) -> None:
        chance = random.Random(number)
        tenant = tenants[number % len(tenants)]
        for turn in range(15):
            one = event(turn, tenant, f"ord_{number}")
            with suppress(ZeroDivisionError):
                async with bench.producer.tenant(tenant) as connection:
                    await append(connection, one)
                    await asyncio.sleep(chance.random() / 100)
                    # Some fail after they wrote.
                    _ = 1 / (chance.random() > 0.2)
                committed[number].append((one.event_id, one.aggregate_id, one.payload))

    async def drained() -> bool:
        if await bench.waiting():
            return False
        return all([await bench.log(one) == await bench.stream(one) for one in range(16)])

    async with bench.relaying(batch=7):
        await asyncio.gather(*(produce(number) for number in range(16)))
        await eventually(drained)
    async with bench.admin.transaction() as connection:
        rows = await connection.fetch(
            "SELECT partition, seq, event_id, aggregate_id, payload FROM events.log"
            " ORDER BY partition, seq"
        )
    for partition in {partition_of(tenant) for tenant in tenants}:
        seqs = [row["seq"] for row in rows if row["partition"] == partition]
        assert seqs == list(range(1, len(seqs) + 1))
        assert await bench.seqs(partition) == seqs
    for number, events in committed.items():
        logged = [
            (row["event_id"], row["aggregate_id"], row["payload"])
            for row in rows
            if row["aggregate_id"] == f"ord_{number}"
        ]
        assert logged == events
    assert len(rows) == sum(map(len, committed.values()))


async def test_a_relay_without_the_epoch_moves_nothing(bench: Bench) -> None:
    first, second = bench.store("first"), bench.store("second")
    old = await first.take_partitions()
    assert len(old) == 16
    assert await second.take_partitions() == {}
    await bench.expire_leases()
    new = await second.take_partitions()
    assert all(new[partition] > epoch for partition, epoch in old.items())
    await bench.write_many(3)
    assert await first.renew_partitions(old) == set()
    assert await first.move(old, 100) == []
    moved = await second.move(new, 100)
    assert [one.cursor.seq for one in moved] == [1, 2, 3]


async def test_a_clean_stop_gives_partitions_back_at_once(bench: Bench) -> None:
    async with bench.relaying():
        await bench.write(event(1))
        await bench.streamed(1)
        assert await bench.store("other").take_partitions() == {}
    assert len(await bench.store("other").take_partitions()) == 16


async def test_a_release_by_one_who_lost_the_lease_takes_it_from_nobody(bench: Bench) -> None:
    first, second = bench.store("first"), bench.store("second")
    old = await first.take_partitions()
    await bench.expire_leases()
    await second.take_partitions()
    await first.release_partitions(old)
    assert await bench.store("third").take_partitions() == {}


async def test_two_relays_contend_and_nothing_is_published_twice(bench: Bench) -> None:
    async with bench.relaying(batch=3), bench.relaying(batch=3):
        for round_number in range(10):
            await bench.write_many(10, first=round_number * 10)
            # Whoever holds them loses them in the middle of its work.
            await bench.expire_leases()
        await bench.streamed(100)
    stream = await bench.stream()
    assert [one.cursor.seq for one in stream] == list(range(1, 101))
    assert [one.payload for one in stream] == [b"%d" % number for number in range(100)]


async def test_a_survivor_takes_over_from_a_dead_relay(bench: Bench) -> None:
    dead = bench.store("dead")
    held = await dead.take_partitions()
    await bench.write_many(2)
    await dead.move(held, 1)
    async with bench.relaying():
        # Its lease is left to end by the database's clock.
        await bench.streamed(2)
    assert await bench.seqs() == [1, 2]


async def test_a_notification_wakes_the_relay_long_before_it_polls(bench: Bench) -> None:
    notifier = OutboxNotifier(bench.url)
    task = asyncio.ensure_future(notifier.run())
    async with bench.relaying(poll_s=3600):
        await bench.write(event(1))
        notifier.committed()
        await bench.streamed(1)
        await bench.write(event(2))
        notifier.committed()
        await bench.streamed(2)
    task.cancel()


async def test_an_event_nobody_told_of_is_found_by_polling(bench: Bench) -> None:
    async with bench.relaying(poll_s=0.05):
        await bench.write(event(1))
        await bench.streamed(1)


async def test_what_waits_is_as_old_as_the_first_of_any_partition(bench: Bench) -> None:
    assert await bench.store().backlog() == Backlog(0, 0.0)
    other = UUID(int=7)
    assert partition_of(other) != PARTITION
    await bench.write_many(3)
    await bench.write(event(1, other), event(2, other))
    async with bench.admin.transaction() as connection:
        await connection.execute(
            "UPDATE events.outbox SET create_time = now() - interval '1 hour'"
            " WHERE tenant_id = $1 AND payload = '1'",
            other,
        )
    backlog = await bench.store().backlog()
    assert backlog.waiting == 5
    assert backlog.age_s == pytest.approx(3600, abs=60)


async def test_no_more_are_counted_than_can_be_quickly(bench: Bench) -> None:
    async with bench.admin.transaction() as connection:
        await connection.execute(
            "INSERT INTO events.outbox"
            " (partition, event_id, tenant_id, type, aggregate_id, principal_id, payload)"
            " SELECT 1, gen_random_uuid(), $1, 't', 'a', '', '' FROM generate_series(1, 100001)",
            TENANT,
        )
    assert (await bench.store().backlog()).waiting == 100_000


async def test_the_relay_survives_the_loss_of_its_connections(bench: Bench) -> None:
    async with bench.relaying(poll_s=0.1):
        await bench.write(event(1))
        await bench.streamed(1)
        # A role may end its own connections.
        async with bench.database.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = current_user AND pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        await bench.write(event(2))
        await bench.streamed(2)
    assert await bench.seqs() == [1, 2]


async def test_producers_can_neither_read_nor_change_the_outbox(bench: Bench) -> None:
    await bench.write(event(1))
    for statement in (
        "SELECT id FROM events.outbox",
        "DELETE FROM events.outbox",
        "UPDATE events.outbox SET payload = ''",
        "SELECT seq FROM events.log",
        "UPDATE events.partitions SET head_seq = 9",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with bench.producer.tenant(TENANT) as connection:
                await connection.execute(statement)
