"""Dead letters are tried again: in order, once, and with no event in between."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from services.chassis.data.letters import letters_moved_out, retry_delay
from services.chassis.data.postgres import Connection, Database
from services.chassis.data.streams import StreamEvent
from tests.integration.data.consuming import SCHEMA, Bench, counted, event, eventually, opened
from tests.integration.data.streaming import PARTITION, TENANT
from tests.support.servers import MigratedDatabase


@pytest.fixture
async def bench(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Bench]:
    async with opened(database, redis_url) as made:
        yield made


class Broken:
    """An effect that refuses events until they are mended."""

    def __init__(self, *seqs: int) -> None:
        self.refused = set(seqs)
        self.tried: list[int] = []

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        self.tried.append(event.cursor.seq)
        await counted()(connection, event)
        if event.cursor.seq in self.refused:
            raise KeyError("cart")


def test_the_delay_doubles_from_a_minute_to_an_hour() -> None:
    delays = [retry_delay(attempts, 0.5).total_seconds() for attempts in (1, 2, 3, 6, 7, 1000)]
    assert delays == [60, 120, 240, 1920, 3600, 3600]


def test_delays_are_a_fifth_shorter_or_longer() -> None:
    assert retry_delay(1, 0.0) == timedelta(seconds=48)
    assert retry_delay(1, 1.0) == timedelta(seconds=72)


async def test_a_letter_is_not_tried_before_its_time(bench: Bench) -> None:
    effect = Broken(1)
    await bench.publish(event(1))
    async with bench.consuming(effect):
        await bench.until_at(1)
        bench.clock.advance(seconds=40)
        await bench.publish(event(2, "ord_2"))
        await bench.until_at(2)
        assert effect.tried == [1, 2]
        bench.clock.advance(seconds=40)

        async def is_tried() -> bool:
            return [one[1] for one in await bench.letters()] == [2]

        await eventually(is_tried)
        await bench.until_counted(1, "maitred_dead_letter_attempts_total", outcome="failed")
    assert await bench.letters() == [(1, 2, "KeyError: 'cart'")]


async def test_an_aggregates_letters_have_their_effects_in_order(bench: Bench) -> None:
    effect = Broken(1, 3)
    aggregates = ["ord_1", "ord_1", "ord_1", "ord_2", "ord_1"]
    await bench.publish(*(event(seq, one) for seq, one in enumerate(aggregates, 1)))
    async with bench.consuming(effect):
        await bench.until_at(5)
        assert await bench.effects() == [4]
        effect.refused = {3}
        bench.clock.advance(minutes=2)
        await bench.until_effects([4, 1, 2])

        async def are_left() -> bool:
            found = [(seq, attempts) for seq, attempts, _ in await bench.letters()]
            return found == [(3, 1), (5, 0)]

        await eventually(are_left)
        effect.refused = set()
        bench.clock.advance(minutes=2)
        await bench.until_effects([4, 1, 2, 3, 5])
        await bench.publish(event(6))
        await bench.until_effects([4, 1, 2, 3, 5, 6])
        await bench.until_counted(4, "maitred_dead_letter_attempts_total", outcome="resolved")
    assert await bench.letters() == []


async def test_a_retry_is_given_the_stored_bytes(bench: Bench) -> None:
    seen: list[StreamEvent] = []

    async def effect(connection: Connection, event: StreamEvent) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise ValueError("no")

    await bench.publish(event(1))
    async with bench.consuming(effect):
        await bench.until_at(1)
        await bench.client.flushall()
        bench.clock.advance(minutes=2)

        async def is_tried() -> bool:
            return len(seen) == 2

        await eventually(is_tried)
    assert seen == [event(1), event(1)]


async def test_what_a_weak_server_raises_costs_no_attempt(bench: Bench) -> None:
    faults: list[Exception] = [asyncpg.SerializationError("no"), TimeoutError()]
    is_mended = False

    async def effect(connection: Connection, event: StreamEvent) -> None:
        if not is_mended:
            raise KeyError("cart")
        if faults:
            raise faults.pop()
        await counted()(connection, event)

    await bench.publish(event(1))
    async with bench.consuming(effect):
        await bench.until_at(1)
        is_mended = True
        bench.clock.advance(minutes=2)
        await bench.until_effects([1])
    assert bench.counted("maitred_dead_letter_attempts_total", outcome="failed") == 0


async def test_a_discarded_letter_lets_the_next_go_on(bench: Bench) -> None:
    await bench.publish(event(1), event(2))
    async with bench.consuming(Broken(1)):
        await bench.until_at(2)
        async with bench.admin.connection() as connection:
            await connection.execute(
                "UPDATE events.dead_letters SET status = 'discarded', settle_time = now()"
                " WHERE seq = 1"
            )
        await bench.until_effects([2])


async def test_events_that_come_while_letters_are_resolved_keep_their_order(bench: Bench) -> None:
    """Events of a few aggregates come in bursts; some are refused at first, and always retried."""
    total = 120
    refusals = defaultdict(int, {seq: 1 + seq % 2 for seq in range(1, total, 17)})

    async def effect(connection: Connection, event: StreamEvent) -> None:
        await counted()(connection, event)
        if refusals[event.cursor.seq]:
            refusals[event.cursor.seq] -= 1
            raise KeyError("cart")

    def aggregate(seq: int) -> str:
        return f"ord_{seq % 3}"

    async with bench.consuming(effect):
        for start in range(1, total, 6):
            await bench.publish(*(event(seq, aggregate(seq)) for seq in range(start, start + 6)))
            bench.clock.advance(hours=2)
            await asyncio.sleep(0.02)

        async def is_over() -> bool:
            bench.clock.advance(hours=2)
            return len(await bench.effects()) == total

        await eventually(is_over)
        await bench.until_at(total)
    by_aggregate = defaultdict(list)
    for seq in await bench.effects():
        by_aggregate[aggregate(seq)].append(seq)
    assert by_aggregate == {
        aggregate(first): list(range(first, total + 1, 3)) for first in (1, 2, 3)
    }
    assert await bench.letters() == []


async def test_one_who_lost_the_lease_retries_nothing(
    bench: Bench, database: MigratedDatabase
) -> None:
    """The first is inside its retry when another would take over, and again after."""
    entered, leave = asyncio.Event(), asyncio.Event()
    is_first = True

    async def effect(connection: Connection, event: StreamEvent) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            raise KeyError("cart")
        entered.set()
        await leave.wait()
        await counted("one")(connection, event)

    await bench.publish(event(1))
    async with (
        Database.connect(database.service_url("orders")) as other,
        bench.consuming(effect),
    ):
        await bench.until_at(1)
        bench.clock.advance(minutes=2)
        await entered.wait()
        await bench.expire_leases()
        async with bench.consuming(counted("two"), database=other):
            leave.set()
            await bench.until_effects([1])
    assert [row["by"] for row in await bench.rows("effects", "by", "id")] == ["one"]


async def test_a_process_killed_while_it_retries_loses_and_doubles_nothing(
    bench: Bench, database: MigratedDatabase, redis_url: str
) -> None:
    total = 60
    await bench.publish(*(event(seq, f"ord_{seq % 10}") for seq in range(1, total + 1)))
    async with bench.consuming(Broken(*range(1, total + 1))):
        await bench.until_at(total)
    assert len(await bench.letters()) == total
    async with bench.admin.connection() as connection:
        await connection.execute("UPDATE events.dead_letters SET next_attempt_at = create_time")
    command = [sys.executable, "-m", "tests.integration.data.consumer_process"]
    arguments = [database.service_url("orders"), redis_url]
    first = await asyncio.create_subprocess_exec(*command, *arguments, "one")
    try:

        async def is_busy() -> bool:
            return bool(await bench.effects())

        await eventually(is_busy)
        async with bench.consuming(counted("two")):
            first.kill()

            async def is_over() -> bool:
                return await bench.letters() == []

            await eventually(is_over)
    finally:
        if first.returncode is None:
            await first.wait()
    effects = await bench.effects()
    assert sorted(effects) == list(range(1, total + 1))
    for remainder in range(10):
        of_aggregate = [seq for seq in effects if seq % 10 == remainder]
        assert of_aggregate == sorted(of_aggregate)


async def test_letters_of_other_tenants_and_consumers_are_left_alone(bench: Bench) -> None:
    await bench.publish(event(1))
    async with bench.consuming(Broken(1)):
        await bench.until_at(1)
    async with bench.admin.connection() as connection:
        await connection.execute(
            "UPDATE events.dead_letters SET consumer = 'other', next_attempt_at = create_time"
        )
    await bench.publish(event(2, tenant=TENANT))
    async with bench.consuming():
        await bench.until_effects([2])
    assert [seq for seq, _, _ in await bench.letters()] == [1]


async def test_letters_of_earlier_revisions_move_in_their_order_and_are_due(bench: Bench) -> None:
    columns = (
        "tenant_id uuid, consumer text, partition smallint, seq bigint, event_id text, type text,"
        " aggregate_id text, principal_id text, payload bytea, error text, attempts integer,"
        " create_time timestamptz, next_attempt_at timestamptz"
    )
    async with bench.admin.connection() as connection:
        await connection.execute(f"CREATE TABLE {SCHEMA}.dead_letters ({columns})")
        for seq in (2, 1):
            await connection.execute(
                f"INSERT INTO {SCHEMA}.dead_letters (tenant_id, consumer, partition, seq, event_id,"
                " type, aggregate_id, principal_id, payload, error, attempts, create_time,"
                " next_attempt_at) VALUES ($1, 'counter', $2, $3, 'evt', 'maitred.order.v1',"
                " 'ord_1', 'gst_1', $4, 'no', 1, now(), now() + interval '1 minute')",
                TENANT,
                PARTITION,
                seq,
                event(seq).payload,
            )
        for _ in range(2):
            await connection.execute(letters_moved_out(SCHEMA))
    assert [seq for seq, _, _ in await bench.letters()] == [1, 2]
    async with bench.consuming():
        await bench.until_effects([1, 2])
