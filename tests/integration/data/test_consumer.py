"""Consumers: every event has its effect once, whatever happens to whom."""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection
from uuid import UUID

import asyncpg
import pytest

from services.chassis.data.consumer import LeaseLost
from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.streams import StreamEvent
from tests.integration.data.consuming import (
    Bench,
    counted,
    event,
    events,
    eventually,
    holding,
    opened,
    running,
)
from tests.integration.data.streaming import KEY, NEIGHBOUR, PARTITION, TENANT
from tests.support.servers import MigratedDatabase


@pytest.fixture
async def bench(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Bench]:
    async with opened(database, redis_url) as made:
        yield made


async def test_every_event_has_its_effect_once_and_in_order(bench: Bench) -> None:
    await bench.publish(*events(range(1, 301)))
    async with bench.consuming():
        await bench.until_at(300)
        await bench.publish(*events(range(301, 311)))
        await bench.until_at(310)
        await bench.until_counted(310, "maitred_consumer_events_total", type="maitred.order.v1")
    assert await bench.effects() == list(range(1, 311))


async def test_events_of_several_tenants_reach_their_tenants_rows(bench: Bench) -> None:
    tenants = [TENANT, NEIGHBOUR, NEIGHBOUR, TENANT]
    await bench.publish(*(event(seq, tenant=one) for seq, one in enumerate(tenants, 1)))
    async with bench.consuming():
        await bench.until_at(4)
    rows = await bench.rows("effects", "tenant_id, seq", "seq")
    assert [row["tenant_id"] for row in rows] == tenants


async def test_what_it_does_not_want_is_passed_over(bench: Bench) -> None:
    await bench.publish(event(1), event(2, kind="maitred.trust.v1"))
    async with bench.consuming():
        await bench.until_at(2)
    assert await bench.effects() == [1]


async def test_tenants_that_are_no_concern_are_passed_over(bench: Bench) -> None:
    asked: list[set[UUID]] = []

    async def concerned(tenants: Collection[UUID]) -> Collection[UUID]:
        asked.append({*tenants})
        if len(asked) == 1:
            raise ConnectionResetError("reset")
        return {TENANT}

    tenants = [TENANT, NEIGHBOUR, TENANT, NEIGHBOUR]
    await bench.publish(*(event(seq, tenant=one) for seq, one in enumerate(tenants, 1)))
    await bench.publish(event(5, kind="maitred.trust.v1"))
    async with bench.consuming(concerned=concerned):
        await bench.until_at(5)
        await bench.publish(event(6, tenant=NEIGHBOUR), event(7))
        await bench.until_at(7)
    assert await bench.effects() == [1, 3, 7]
    assert asked[:2] == [{TENANT, NEIGHBOUR}] * 2
    assert bench.counted("maitred_consumer_events_missed_total") == 0


async def test_a_consumer_goes_on_where_the_last_one_stopped(bench: Bench) -> None:
    await bench.publish(*events([1, 2]))
    async with bench.consuming():
        await bench.until_at(2)
    await bench.publish(*events([3, 4]))
    async with bench.consuming():
        await bench.until_at(4)
    assert await bench.effects() == [1, 2, 3, 4]


async def test_a_new_consumer_begins_with_what_the_stream_still_has(bench: Bench) -> None:
    await bench.publish(*events(range(1, 6)))
    await bench.client.xtrim(KEY, minid="4-0", approximate=False)
    async with bench.consuming():
        await bench.until_at(5)
    assert await bench.effects() == [4, 5]
    assert bench.counted("maitred_consumer_events_missed_total") == 0


async def test_events_trimmed_unread_are_counted_as_missed(bench: Bench) -> None:
    await bench.publish(event(1))
    async with bench.consuming():
        await bench.until_at(1)
    await bench.publish(*events([2, 3, 4]))
    await bench.client.xtrim(KEY, minid="4-0", approximate=False)
    async with bench.consuming():
        await bench.until_at(4)
    assert await bench.effects() == [1, 4]
    assert bench.counted("maitred_consumer_events_missed_total") == 2


async def test_a_stream_trimmed_to_its_end_is_passed_over(bench: Bench) -> None:
    await bench.publish(event(1))
    async with bench.consuming():
        await bench.until_at(1)
    await bench.publish(*events([2, 3]))
    await bench.client.xtrim(KEY, maxlen=0, approximate=False)
    async with bench.consuming():
        await bench.until_at(3)
    assert await bench.effects() == [1]
    assert bench.counted("maitred_consumer_events_missed_total") == 2


async def test_a_wiped_and_refilled_redis_neither_loses_nor_doubles(bench: Bench) -> None:
    await bench.publish(*events([1, 2, 3]))
    async with bench.consuming():
        await bench.until_at(3)
        await bench.client.flushall()
        await bench.publish(*events([1, 2]))
        await bench.publish(*events([3, 4]))
        await bench.healed()
        await bench.until_at(4)
    assert await bench.effects() == [1, 2, 3, 4]


async def test_a_stream_that_ends_too_early_is_waited_for(bench: Bench) -> None:
    """A Redis that lost its last second, before the relay has been there."""
    await bench.publish(*events([1, 2, 3]))
    async with bench.consuming():
        await bench.until_at(3)
        await bench.client.delete(KEY)
        await bench.publish(*events([1, 2]))
        await bench.healed()
        looks = await bench.looks()

        async def has_looked() -> bool:
            return await bench.looks() >= looks + 3

        await eventually(has_looked)
        assert await bench.position() == 3
        await bench.publish(*events([3, 4]))
        await bench.until_at(4)
    assert await bench.effects() == [1, 2, 3, 4]


async def test_a_log_that_began_anew_is_read_from_its_end_on(bench: Bench) -> None:
    await bench.publish(*events(range(1, 6)))
    async with bench.consuming():
        await bench.until_at(5)
        await bench.client.delete(KEY)
        await bench.publish(*events([1, 2]))

        async def led_back() -> bool:
            await bench.healed()
            return await bench.position() == 2

        await eventually(led_back)
        await bench.publish(event(3))
        await bench.until_at(3)
    assert await bench.effects() == [1, 2, 3, 4, 5, 3]


async def test_an_event_nobody_can_take_in_is_set_aside_with_those_of_its_aggregate(
    bench: Bench,
) -> None:
    async def effect(connection: Connection, event: StreamEvent) -> None:
        await counted()(connection, event)
        if event.cursor.seq == 2:
            raise KeyError("cart")

    aggregates = ["ord_1", "ord_2", "ord_1", "ord_2", "ord_3"]
    await bench.publish(*(event(seq, one) for seq, one in enumerate(aggregates, 1)))
    async with bench.consuming(effect):
        await bench.until_at(5)
        await bench.until_counted(2, "maitred_consumer_dead_letters_total", type="maitred.order.v1")
    await bench.publish(event(6, "ord_2"), event(7, "ord_1"), event(8, "ord_2", tenant=NEIGHBOUR))
    async with bench.consuming():
        await bench.until_at(8)
        await bench.until_counted(3, "maitred_consumer_dead_letters_total", type="maitred.order.v1")
    assert await bench.effects() == [1, 3, 5, 7, 8]
    follows = "an earlier event of the same aggregate was set aside"
    assert await bench.letters() == [(2, 1, "KeyError: 'cart'"), (4, 0, follows), (6, 0, follows)]


async def test_what_no_column_holds_is_set_aside_without_it(bench: Bench) -> None:
    async def effect(connection: Connection, event: StreamEvent) -> None:
        if event.cursor.seq == 1:
            raise ValueError("no \0 menu \ud800")
        await counted()(connection, event)

    await bench.publish(event(1, "ord_\0\ud800"), event(2, "ord_2"), event(3, "ord_\0\ud800"))
    async with bench.consuming(effect):
        await bench.until_at(3)
    assert await bench.effects() == [2]
    assert (await bench.letters())[0] == (1, 1, "ValueError: no  menu ?")


async def test_a_row_that_breaks_a_rule_is_poison(bench: Bench) -> None:
    async def effect(connection: Connection, event: StreamEvent) -> None:
        if event.cursor.seq == 1:
            await connection.execute("SELECT 1 / 0")
        await counted()(connection, event)

    await bench.publish(event(1, "ord_1"), event(2, "ord_2"))
    async with bench.consuming(effect):
        await bench.until_at(2)
    assert await bench.effects() == [2]
    assert await bench.letters() == [(1, 1, "DivisionByZeroError: division by zero")]


async def test_what_a_weak_server_raises_is_tried_again(bench: Bench) -> None:
    faults: list[Exception] = [
        asyncpg.SerializationError("could not serialize access"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        ConnectionResetError("reset"),
        TimeoutError(),
    ]

    async def effect(connection: Connection, event: StreamEvent) -> None:
        await counted()(connection, event)
        if event.cursor.seq == 2 and faults:
            raise faults.pop()

    await bench.publish(*events([1, 2, 3]))
    async with bench.consuming(effect):
        await bench.until_at(3)
    assert await bench.effects() == [1, 2, 3]
    assert await bench.letters() == []


async def test_a_connection_that_is_cut_loses_and_doubles_nothing(bench: Bench) -> None:
    async def cut(connection: Connection, event: StreamEvent) -> None:
        await counted()(connection, event)
        if event.cursor.seq in to_cut:
            to_cut.remove(event.cursor.seq)
            pid = connection.get_server_pid()
            async with bench.database.connection() as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid)

    to_cut = {7, 50, 120}
    await bench.publish(*events(range(1, 151)))
    async with bench.consuming(cut):
        await bench.until_at(150)
    assert await bench.effects() == list(range(1, 151))


async def test_one_consumer_at_a_time_reads_a_partition(
    bench: Bench, database: MigratedDatabase
) -> None:
    async with (
        Database.connect(database.service_url("orders")) as other,
        bench.consuming() as first,
    ):
        await bench.publish(event(1))
        await bench.until_at(1)
        assert len(first.held) == PARTITIONS
        async with bench.consuming(counted("two"), database=other) as second:
            await bench.publish(event(2))
            await bench.until_at(2)
            assert second.holds(PARTITION) is None
    assert await bench.effects() == [1, 2]


async def test_a_clean_stop_hands_over_at_once(bench: Bench) -> None:
    async with bench.consuming() as first:
        await bench.publish(event(1))
        await bench.until_at(1)
        epoch = first.holds(PARTITION)
        assert epoch is not None
    async with bench.consuming() as second:
        await bench.publish(event(2))
        await bench.until_at(2)
        assert second.holds(PARTITION) == epoch + 1


async def test_one_who_lost_the_lease_commits_nothing(
    bench: Bench, database: MigratedDatabase
) -> None:
    """The first is asked for its epoch after the second has taken over."""
    async with Database.connect(database.service_url("orders")) as other:
        await bench.publish(*events(range(1, 4)))
        async with bench.consuming() as first:
            await bench.until_at(3)
            await bench.expire_leases()
            async with bench.consuming(counted("two"), database=other) as second:
                await holding(second)
                with pytest.raises(LeaseLost):
                    async with bench.database.tenant(TENANT) as connection:
                        await first.check(connection, PARTITION)
                await bench.publish(*events(range(4, 200)))
                await bench.until_at(199)
    assert await bench.effects() == list(range(1, 200))


async def test_nobody_takes_a_partition_while_its_holder_is_in_a_transaction(
    bench: Bench,
) -> None:
    async with bench.consuming() as first:
        await holding(first)
        async with bench.database.tenant(TENANT) as connection:
            await first.check(connection, PARTITION)
            await bench.expire_leases()
            second = bench.consumer()
            async with running(second):
                await holding(second, PARTITIONS - 1)
                assert second.holds(PARTITION) is None


async def test_two_that_lose_leases_all_the_time_take_each_event_in_once(
    bench: Bench, database: MigratedDatabase
) -> None:
    published: list[StreamEvent] = []

    async def both_have_taken_some_in() -> bool:
        """Asked again and again; nobody's lease is good, and there is always more to come."""
        await bench.expire_leases()
        if await bench.position() == len(published):
            more = events(range(len(published) + 1, len(published) + 21))
            await bench.publish(*more)
            published.extend(more)
        return {row["by"] for row in await bench.rows("effects", "by", "id")} == {"one", "two"}

    async with (
        Database.connect(database.service_url("orders")) as other,
        bench.consuming(counted("one")),
        bench.consuming(counted("two"), database=other),
    ):
        await eventually(both_have_taken_some_in)
        await bench.until_at(len(published))
    assert await bench.effects() == list(range(1, len(published) + 1))


async def test_a_killed_process_loses_and_doubles_nothing(
    bench: Bench, database: MigratedDatabase, redis_url: str
) -> None:
    """The second of two takes over in the middle of a batch, once the lease has ended."""
    total = 800
    await bench.publish(*events(range(1, total + 1)))
    command = [sys.executable, "-m", "tests.integration.data.consumer_process"]
    arguments = [database.service_url("orders"), redis_url]
    first = await asyncio.create_subprocess_exec(*command, *arguments, "one")
    try:

        async def is_busy() -> bool:
            return await bench.position() > 0

        await eventually(is_busy)
        async with bench.consuming(counted("two")):
            first.kill()
            await bench.until_at(total)
    finally:
        if first.returncode is None:
            await first.wait()
    assert await bench.effects() == list(range(1, total + 1))
    assert {row["by"] for row in await bench.rows("effects", "by", "id")} == {"one", "two"}
