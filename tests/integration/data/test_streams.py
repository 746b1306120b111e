"""What a subscriber sees of a stream: everything of its tenant, once, in order."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from services.assembly.embedded import EmbeddedValkey
from services.chassis.data.streams import Cursor, Reset, SlowConsumer, StreamEvent, StreamReader
from tests.integration.data.streaming import (
    KEY,
    NEIGHBOUR,
    PARTITION,
    TENANT,
    Publisher,
    event,
    publishing,
    reading,
    reset,
    take,
    take_from,
)
from tests.support.ports import free_port
from tests.support.servers import Servers, claim_home, running


@pytest.fixture
async def publisher(redis_url: str) -> AsyncIterator[Publisher]:
    async with publishing(redis_url) as made:
        yield made


@pytest.fixture
async def reader(publisher: Publisher, redis_url: str) -> AsyncIterator[StreamReader]:
    async with reading(redis_url) as made:
        yield made


def at(seq: int) -> Cursor:
    return Cursor(PARTITION, seq)


async def test_without_a_cursor_only_what_comes_is_seen(
    publisher: Publisher, redis_url: str
) -> None:
    await publisher.publish(1, 2)
    async with reading(redis_url) as reader, reader.subscribe(TENANT, None) as subscription:
        await publisher.publish(3)
        assert await take(subscription, 1) == [event(3)]


async def test_a_cursor_is_followed_by_what_was_missed_and_then_by_what_comes(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2, 3)
    async with reader.subscribe(TENANT, at(1)) as subscription:
        assert await take(subscription, 2) == [event(2), event(3)]
        await publisher.publish(4)
        assert await take(subscription, 1) == [event(4)]
        assert subscription.cursor == at(4)


async def test_other_tenants_of_the_partition_are_never_seen(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2, tenant=NEIGHBOUR)
    await publisher.publish(3)
    async with reader.subscribe(TENANT, at(0)) as subscription:
        assert await take(subscription, 1) == [event(3)]
        await publisher.publish(4, tenant=NEIGHBOUR)
        await publisher.publish(5)
        assert await take(subscription, 1) == [event(5)]


async def test_a_cursor_of_another_partition_is_refused(reader: StreamReader) -> None:
    with pytest.raises(ValueError, match="not a position"):
        async with reader.subscribe(TENANT, Cursor((PARTITION + 1) % 16, 0)):
            pass


async def test_replay_turns_into_live_without_gap_or_repeat(
    publisher: Publisher, reader: StreamReader
) -> None:
    """Subscribers come at every moment of a busy stream."""
    total = 400

    async def publish() -> None:
        for seq in range(1, total + 1):
            await publisher.publish(seq)

    async def follow(after: int) -> list[int]:
        async with reader.subscribe(TENANT, at(after)) as subscription:
            return [item.cursor.seq for item in await take(subscription, total - after)]

    async def come_one_by_one() -> list[asyncio.Task[list[int]]]:
        tasks: list[asyncio.Task[list[int]]] = []
        while len(tasks) < 20:
            length = await publisher.client.xlen(KEY)
            tasks.append(asyncio.ensure_future(follow(length // 2)))
        return tasks

    publishing_all = asyncio.ensure_future(publish())
    for task in await come_one_by_one():
        seen = await task
        assert seen == list(range(seen[0], total + 1))
    await publishing_all


async def test_two_subscribers_see_the_same(publisher: Publisher, reader: StreamReader) -> None:
    async with (
        reader.subscribe(TENANT, at(0)) as one,
        reader.subscribe(TENANT, at(0)) as another,
    ):
        await publisher.publish(1, 2, 3)
        assert await take(one, 3) == await take(another, 3) == [event(1), event(2), event(3)]


async def test_a_cursor_older_than_what_is_kept_is_told_to_begin_anew(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2, 3, 4, 5)
    await publisher.client.xtrim(KEY, minid="4-0", approximate=False)
    async with reader.subscribe(TENANT, at(1)) as subscription:
        assert await take(subscription, 3) == [reset(3), event(4), event(5)]


async def test_a_stream_trimmed_to_its_end_tells_so_too(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2, 3)
    await publisher.client.xtrim(KEY, maxlen=0, approximate=False)
    async with reader.subscribe(TENANT, at(1)) as subscription:
        assert await take(subscription, 1) == [reset(3)]
        await publisher.publish(4)
        assert await take(subscription, 1) == [event(4)]


async def test_the_newest_cursor_needs_no_reset(publisher: Publisher, reader: StreamReader) -> None:
    await publisher.publish(1, 2, 3)
    await publisher.client.xtrim(KEY, maxlen=0, approximate=False)
    async with reader.subscribe(TENANT, at(3)) as subscription:
        await publisher.publish(4)
        assert await take(subscription, 1) == [event(4)]


async def test_a_wiped_and_refilled_stream_goes_on_without_gap_or_repeat(
    publisher: Publisher, reader: StreamReader
) -> None:
    async with reader.subscribe(TENANT, at(0)) as subscription:
        await publisher.publish(1, 2, 3)
        assert len(await take(subscription, 3)) == 3
        await publisher.client.flushall()
        await publisher.publish(1, 2, 3, 4)
        assert await take(subscription, 1) == [event(4)]


async def test_a_subscriber_that_comes_while_a_wiped_stream_is_empty_waits_for_its_refill(
    publisher: Publisher, reader: StreamReader
) -> None:
    async with reader.subscribe(TENANT, at(0)) as subscription:
        await publisher.publish(1, 2, 3)
        assert len(await take(subscription, 3)) == 3
    await publisher.client.flushall()
    async with reader.subscribe(TENANT, at(1)) as subscription:
        taken = asyncio.ensure_future(take(subscription, 2))
        await asyncio.sleep(0)
        await publisher.publish(1, 2, 3)
        assert await taken == [event(2), event(3)]


async def test_a_position_past_the_end_leads_back_to_it(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2)
    async with reader.subscribe(TENANT, at(70)) as subscription:
        assert await take(subscription, 1) == [reset(2, is_back=True)]
        await publisher.publish(3)
        assert await take(subscription, 1) == [event(3)]


async def test_a_log_that_began_anew_while_it_was_read_leads_everyone_back(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(*range(1, 8))
    async with (
        reader.subscribe(TENANT, at(6)) as one,
        reader.subscribe(NEIGHBOUR, at(7)) as another,
    ):
        told = asyncio.ensure_future(take(another, 1))
        assert await take(one, 1) == [event(7)]
        await publisher.client.delete(KEY)
        await publisher.publish(1, 2)
        assert await take(one, 1) == await told == [reset(2, is_back=True)]
        await publisher.publish(3)
        assert await take(one, 1) == [event(3)]


async def test_a_wiped_stream_leads_nobody_back_until_it_is_restored(
    publisher: Publisher, reader: StreamReader
) -> None:
    await publisher.publish(1, 2, 3)
    async with reader.subscribe(TENANT, at(3)) as subscription:
        taken = asyncio.ensure_future(take(subscription, 1))
        await publisher.client.flushall()
        await publisher.publish(1)
        looks = await publisher.looks()
        async with asyncio.timeout(60):
            while await publisher.looks() < looks + 4:  # noqa: ASYNC110 - its own state
                await asyncio.sleep(0.01)
        await publisher.publish(2, 3)
        await publisher.restored()
        await publisher.publish(4)
        assert await taken == [event(4)]


async def test_what_is_refilled_does_not_come_from_now_on(
    publisher: Publisher, redis_url: str
) -> None:
    await publisher.client.flushall()
    async with reading(redis_url) as reader:

        async def follow() -> list[StreamEvent | Reset]:
            async with reader.subscribe(TENANT, None) as subscription:
                subscribed.set()
                return await take(subscription, 1)

        subscribed = asyncio.Event()
        following = asyncio.ensure_future(follow())
        await publisher.publish(1, 2, 3)
        await publisher.restored()
        await asyncio.wait_for(subscribed.wait(), 20)
        await publisher.publish(4)
        assert await following == [event(4)]


async def test_a_subscriber_that_reads_too_slowly_is_cut_off_before_the_hole(
    publisher: Publisher, reader: StreamReader
) -> None:
    async with (
        reader.subscribe(TENANT, at(0), limit=3) as slow,
        reader.subscribe(TENANT, at(0)) as quick,
    ):
        events = aiter(slow)
        first = asyncio.ensure_future(take_from(events))
        await asyncio.sleep(0)
        await publisher.publish(1)
        assert await first == [event(1)]
        await publisher.publish(*range(2, 11))
        await take(quick, 10)
        taken = await take_from(events)
        await publisher.publish(11)
        await take(quick, 1)
        taken += await take_from(events, 2)
        with pytest.raises(SlowConsumer):
            await take_from(events)
        assert taken == [event(2), event(3), event(4)]
    async with reader.subscribe(TENANT, slow.cursor) as again:
        assert await take(again, 7) == [event(seq) for seq in range(5, 12)]


async def test_a_subscriber_that_left_is_forgotten(
    publisher: Publisher, reader: StreamReader
) -> None:
    async with reader.subscribe(TENANT, at(0), limit=1) as gone:
        await publisher.publish(1)
        await take(gone, 1)
    async with reader.subscribe(TENANT, at(1)) as stays:
        await publisher.publish(2, 3, 4)
        await take(stays, 3)
    assert gone.cursor == at(1)


async def test_reading_survives_a_redis_that_dies_and_comes_back(servers: Servers) -> None:
    with claim_home(servers.home.path / "second") as home:
        valkey = EmbeddedValkey(home, free_port())
        seen: list[int] = []
        half = asyncio.Event()

        async def follow(reader: StreamReader) -> None:
            async with reader.subscribe(TENANT, at(0)) as subscription:
                async for item in subscription:
                    assert not isinstance(item, Reset)
                    seen.append(item.cursor.seq)
                    if item.cursor.seq == 2:
                        half.set()
                    if item.cursor.seq == 4:
                        return

        async with reading(valkey.url) as reader:
            following = asyncio.ensure_future(follow(reader))
            with running(valkey, signal.SIGTERM):
                async with publishing(valkey.url) as publisher:
                    await publisher.publish(1, 2)
                    await asyncio.wait_for(half.wait(), 20)
            with running(valkey, signal.SIGTERM):
                async with publishing(valkey.url) as publisher:
                    await publisher.publish(1, 2, 3, 4)
                    await asyncio.wait_for(following, 20)
    assert seen == [1, 2, 3, 4]
