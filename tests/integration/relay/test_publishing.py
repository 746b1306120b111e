"""From the log to the streams: always contiguous, the same ids, whatever Redis went through."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from services.assembly.embedded import EmbeddedValkey
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import restored_ends, stream_key
from tests.integration.relay.relaying import (
    DAY,
    PARTITION,
    Bench,
    event,
    eventually,
)
from tests.support.ports import free_port
from tests.support.servers import Servers, claim_home, running

KEY = stream_key(PARTITION)


async def moved(bench: Bench, count: int, first: int = 1) -> None:
    """Events in the log and not in the stream: a relay died between the two."""
    await bench.expire_leases()
    store = bench.store("died")
    await bench.write_many(count, first)
    assert len(await store.move(await store.take_partitions(), 1000)) == count
    await bench.expire_leases()


async def test_what_a_crash_left_unpublished_is_published_once(bench: Bench) -> None:
    await moved(bench, 5)
    async with bench.relaying():
        await bench.streamed(5)
        await bench.write(event(6))
        await bench.streamed(6)
    assert await bench.seqs() == [1, 2, 3, 4, 5, 6]
    assert await bench.stream() == await bench.log()


async def test_a_crash_in_the_middle_of_publishing_repeats_nothing(bench: Bench) -> None:
    await moved(bench, 5)
    for one in (await bench.log())[:3]:
        await bench.client.xadd(KEY, one.fields(), id=f"{one.cursor.seq}-0")  # type: ignore[arg-type]
    async with bench.relaying():
        await bench.streamed(5)
    assert await bench.stream() == await bench.log()


async def test_publishing_twice_changes_nothing(bench: Bench) -> None:
    await moved(bench, 3)
    events = await bench.log()
    publisher = bench.publisher()
    assert await publisher.publish(events) == 3
    assert await publisher.publish(events) == 0
    assert await bench.stream() == events


async def test_events_after_a_hole_bring_along_what_is_missing(bench: Bench) -> None:
    await moved(bench, 6)
    events = await bench.log()
    publisher = bench.publisher()
    await publisher.publish(events[:2])
    await publisher.publish(events[4:])
    assert await bench.stream() == events


async def test_a_wiped_redis_is_refilled_with_the_same_ids(bench: Bench) -> None:
    async with bench.relaying(poll_s=0.1):
        await bench.write_many(20)
        await bench.streamed(20)
        before = await bench.stream()
        await bench.client.flushall()
        await bench.streamed(20)
        assert await bench.stream() == before
        await bench.write(event(21))
        await bench.streamed(21)
    assert await bench.seqs() == list(range(1, 22))


async def test_streams_are_told_restored_once_they_are_as_the_log_is(bench: Bench) -> None:
    await moved(bench, 3)

    async def restored() -> bool:
        return (await restored_ends(bench.client)).get(PARTITION) == 3

    async with bench.relaying(poll_s=0.1):
        await eventually(restored)
        await bench.client.flushall()
        await eventually(restored)


async def test_a_rolled_back_redis_gets_back_what_it_lost(bench: Bench) -> None:
    async with bench.relaying(poll_s=0.1):
        await bench.write_many(5)
        await bench.streamed(5)
        older = await bench.client.dump(KEY) or b""
        await bench.write_many(5, first=6)
        await bench.streamed(10)
        after = await bench.stream()
        await bench.client.restore(KEY, 0, older, replace=True)
        await bench.streamed(10)
        assert await bench.stream() == after


async def test_an_event_right_after_a_roll_back_leaves_no_hole(bench: Bench) -> None:
    """It is the event that notices, before anything is added."""
    publisher = bench.publisher()
    await moved(bench, 5)
    await publisher.publish(await bench.log())
    older = await bench.client.dump(KEY) or b""
    await moved(bench, 3, first=6)
    await publisher.publish((await bench.log())[5:])
    await bench.client.restore(KEY, 0, older, replace=True)
    await moved(bench, 1, first=9)
    await publisher.publish((await bench.log())[8:])
    assert await bench.stream() == await bench.log()


async def test_a_stream_that_is_ahead_of_the_log_is_rebuilt(bench: Bench) -> None:
    """Redis refuses the next id: somebody else wrote, or the database was restored."""
    await bench.client.xadd(KEY, {"e": "alien", "t": "0" * 32, "p": "", "y": ""}, id="100-0")
    async with bench.relaying():
        await bench.write_many(3)
        await bench.streamed(3)

        async def healed() -> bool:
            return await bench.stream() == await bench.log()

        await eventually(healed)
    assert await bench.seqs() == [1, 2, 3]


async def test_a_stream_that_begins_too_late_is_rebuilt_from_the_log(bench: Bench) -> None:
    await moved(bench, 6)
    for one in (await bench.log())[4:]:
        await bench.client.xadd(KEY, one.fields(), id=f"{one.cursor.seq}-0")  # type: ignore[arg-type]
    async with bench.relaying():
        await bench.streamed(6)
    assert await bench.stream() == await bench.log()


async def test_a_rebuilt_stream_leaves_nothing_behind(bench: Bench) -> None:
    await moved(bench, 3)
    await bench.client.xadd(KEY, {"e": "alien"}, id="100-0")
    await bench.publisher().reconcile([PARTITION])
    assert await bench.client.keys("*") == [KEY.encode()]


async def test_with_redis_down_the_outbox_drains_and_the_streams_catch_up(
    bench: Bench, servers: Servers
) -> None:
    with claim_home(servers.home.path / "second") as home:
        valkey = EmbeddedValkey(home, free_port())
        async with bench.relaying(redis_url=valkey.url, poll_s=0.1) as metrics:
            await bench.write_many(5)

            async def tail_is(count: int) -> bool:
                return metrics.get_sample_value("maitred_events_unpublished") == count

            async def drained() -> bool:
                return await bench.waiting() == 0

            await eventually(drained)
            assert len(await bench.log()) == 5
            await eventually(lambda: tail_is(5))
            with running(valkey, signal.SIGTERM):
                await caught_up(valkey.url, 5)
                await bench.write_many(5, first=6)
                await caught_up(valkey.url, 10)
                await eventually(lambda: tail_is(0))
            await bench.write_many(5, first=11)
            await eventually(drained)
            with running(valkey, signal.SIGTERM):
                await caught_up(valkey.url, 15)


async def test_a_redis_that_hangs_holds_up_no_outbox(bench: Bench) -> None:
    async with bench.relaying(poll_s=0.1, batch=1):
        await bench.write(event(1))
        await bench.streamed(1)
        await bench.client.client_pause(60_000, all=False)
        await bench.write_many(20, first=2)

        async def drained() -> bool:
            return await bench.waiting() == 0

        await eventually(drained)
        assert await bench.seqs() == [1]
        await bench.client.client_unpause()
        await bench.streamed(21)
    assert await bench.stream() == await bench.log()


async def caught_up(redis_url: str, count: int) -> None:
    async with open_redis(redis_url) as client:

        async def full() -> bool:
            length: int = await client.xlen(KEY)
            return length == count

        await eventually(full)


async def test_streams_are_trimmed_by_age_and_never_refilled_beyond_it(bench: Bench) -> None:
    now = datetime.now(UTC)
    # An hour ago may be another month.
    await bench.store().keep_log_month(now - timedelta(hours=1))
    await moved(bench, 4)
    async with bench.admin.transaction() as connection:
        await connection.execute(
            "UPDATE events.log SET log_time = now() - interval '1 hour' WHERE seq <= 2"
        )
    publisher = bench.publisher(now, timedelta(minutes=30))
    await bench.publisher().reconcile([PARTITION])
    assert await bench.seqs() == [1, 2, 3, 4]
    await publisher.trim([PARTITION])
    assert await bench.seqs() == [3, 4]
    await publisher.reconcile([PARTITION])
    assert await bench.seqs() == [3, 4]
    await bench.client.flushall()
    await publisher.reconcile([PARTITION])
    assert await bench.seqs() == [3, 4]


@pytest.mark.parametrize("wiped", [False, True], ids=["trimmed", "wiped"])
async def test_a_stream_whose_events_are_all_too_old_still_goes_on_from_its_number(
    bench: Bench, wiped: bool
) -> None:
    await moved(bench, 4)
    much_later = bench.publisher(datetime.now(UTC) + 2 * DAY)
    await bench.publisher().reconcile([PARTITION])
    if wiped:
        await bench.client.flushall()
    await much_later.reconcile([PARTITION])
    await much_later.trim([PARTITION])
    assert await bench.seqs() == []
    await moved(bench, 1, first=5)
    await bench.publisher().publish((await bench.log())[4:])
    assert (await bench.seqs())[-1] == 5


async def test_the_log_is_kept_in_months_and_old_months_are_dropped(bench: Bench) -> None:
    store = bench.store()
    long_ago = datetime(2020, 2, 15, tzinfo=UTC)
    await store.keep_log_month(long_ago)
    await store.keep_log_month(long_ago)
    await moved(bench, 2)
    async with bench.admin.transaction() as connection:
        await connection.execute("UPDATE events.log SET log_time = $1 WHERE seq = 1", long_ago)
        assert await connection.fetchval("SELECT count(*) FROM events.log_2020_02") == 1
    assert await store.drop_log_months_before(datetime(2020, 2, 28, tzinfo=UTC)) == 0
    assert await store.drop_log_months_before(datetime(2020, 3, 1, tzinfo=UTC)) == 1
    assert [one.cursor.seq for one in await bench.log()] == [2]


async def test_the_relay_makes_the_months_it_needs_and_drops_those_past_retention(
    bench: Bench,
) -> None:
    await bench.store().keep_log_month(datetime(2020, 2, 15, tzinfo=UTC))

    async def months() -> set[str]:
        async with bench.admin.transaction() as connection:
            rows = await connection.fetch(
                "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
                " WHERE inhparent = 'events.log'::regclass"
            )
        return {row["name"] for row in rows}

    async def renewed() -> bool:
        return "events.log_2020_02" not in await months()

    async with bench.relaying():
        await eventually(renewed)
    assert f"events.log_{datetime.now(UTC):%Y_%m}" in await months()


async def test_streams_are_trimmed_while_somebody_reads_the_log_for_long(bench: Bench) -> None:
    for moment in (datetime(2020, 2, 15, tzinfo=UTC), datetime.now(UTC) - 3 * DAY):
        await bench.store().keep_log_month(moment)
    await moved(bench, 4)
    await bench.publisher().reconcile([PARTITION])
    async with bench.admin.transaction() as connection:
        await connection.execute(
            "UPDATE events.log SET log_time = now() - interval '3 days' WHERE seq <= 2"
        )

    async def trimmed() -> bool:
        return await bench.seqs() == [3, 4]

    async with bench.admin.transaction() as backup:
        await backup.fetch("SELECT count(*) FROM events.log")
        async with bench.relaying(trim_every_s=0.1):
            await eventually(trimmed)
