"""Streams of events, read once per process and given to many.

Partition `p` is the Redis stream `maitred:events:{p}`. Its entries are contiguous and have the
ids `<seq>-0`, so a position is `<partition>-<seq>` for ever, whatever Redis went through. A jump
in the numbers means that what lay between is no longer kept: subscribers are told with `Reset`.

A Redis that was wiped is refilled by the relay, which then says so in the set `RESTORED`; it is
lost with the rest. Until it is there nothing can be said of where a stream ends. Once it is, a
position past the end was given by a log that is no more (another database, or an older backup of
this one), and a `Reset` leads back to the end.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import RedisError, ResponseError

from services.chassis.data.outbox import PARTITIONS, partition_of

KEY = "maitred:events:{{{partition}}}"
RESTORED = "maitred:events:restored"
_HEALED = "maitred:events:healed"
_BATCH = 500
_RETRY_S = 0.25

Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]
"""Entries of a stream as Redis gives them: each an id and its fields."""

_log = structlog.get_logger(__name__)


def stream_key(partition: int) -> str:
    """The Redis key of a partition's stream; the braces keep it in one slot of a cluster."""
    return KEY.format(partition=partition)


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position in the events of a partition: everything up to `seq` was seen."""

    partition: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Reads `<partition>-<seq>`.

        Raises:
            ValueError: it is not a position.
        """
        match = re.fullmatch(r"(\d{1,2})-(\d{1,18})", text, re.ASCII)
        if match is None or int(match.group(1)) >= PARTITIONS:
            raise ValueError(f"not a position: {text!r}")
        return cls(int(match.group(1)), int(match.group(2)))

    def __str__(self) -> str:
        return f"{self.partition}-{self.seq}"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event as streams carry it; `payload` is the CloudEvents JSON its producer rendered."""

    cursor: Cursor
    tenant_id: UUID
    principal_id: str
    type: str
    payload: bytes

    def fields(self) -> dict[bytes, bytes]:
        """Its stream entry."""
        return {
            b"e": self.payload,
            b"t": self.tenant_id.hex.encode(),
            b"p": self.principal_id.encode(),
            b"y": self.type.encode(),
        }


@dataclass(frozen=True, slots=True)
class Reset:
    """Events before `cursor` are no longer kept: what was built of them must be read anew.

    `is_back` is true if later positions were given before, by a log that is no more.
    """

    cursor: Cursor
    is_back: bool = False


class SlowConsumer(Exception):
    """A subscriber read too slowly and was cut off; it may come back with its last position."""


class Subscription:
    """Events of one tenant from a position on; iterate over it."""

    def __init__(self, reader: "StreamReader", tenant_id: UUID, after: Cursor, limit: int) -> None:
        self.cursor = after
        self._reader = reader
        self._tenant_id = tenant_id
        self._queue: asyncio.Queue[StreamEvent | Reset] = asyncio.Queue(limit)
        self._overflown = False

    def offer(self, item: StreamEvent | Reset) -> None:
        """Gives it a live event; one too many cuts it off instead of growing the queue."""
        # Once cut off it gets no more: what comes after a gap would move its position past it.
        if self._overflown or self._queue.full():
            self._overflown = True
        else:
            self._queue.put_nowait(item)

    async def __aiter__(self) -> AsyncIterator[StreamEvent | Reset]:
        """First what was missed, then what comes.

        Raises:
            SlowConsumer: the queue overflowed.
        """
        async for item in self._missed():
            yield item
        while True:
            if self._overflown and self._queue.empty():
                raise SlowConsumer
            item = await self._queue.get()
            if item.cursor > self.cursor or (isinstance(item, Reset) and item.is_back):
                self.cursor = item.cursor
                yield item

    async def _missed(self) -> AsyncIterator[StreamEvent | Reset]:
        """What lies between the position and the reader's, until this is subscribed to the rest."""
        while not self._reader.joined(self, self._tenant_id):
            for item in await self._reader.range_after(self.cursor):
                self.cursor = item.cursor
                if isinstance(item, Reset) or item.tenant_id == self._tenant_id:
                    yield item


def contiguous(last_seq: int, events: Iterable[StreamEvent]) -> Iterable[StreamEvent | Reset]:
    """The events, with a `Reset` wherever numbers after `last_seq` are missing."""
    for event in events:
        if event.cursor.seq > last_seq + 1:
            yield Reset(Cursor(event.cursor.partition, event.cursor.seq - 1))
        last_seq = event.cursor.seq
        yield event


class StreamReader:
    """The one reader of a process. `run` must be running for anything to arrive.

    Args:
        client: of the Redis with the streams.
        look_every_s: how often it is looked whether a stream began anew.
        gather_s: how long it rests after it has read something; who is in no hurry spends less on
            events that come one by one.
    """

    def __init__(
        self, client: "redis.asyncio.Redis", look_every_s: float = 2.0, gather_s: float = 0.0
    ) -> None:
        # The stubs type answers for every protocol and decoding at once.
        self._client: Any = client
        self._look_every_s = look_every_s
        self._gather_s = gather_s
        self._positions: dict[int, int] = {}
        self._live: dict[int, dict[UUID, set[Subscription]]] = defaultdict(lambda: defaultdict(set))
        self._started = asyncio.Event()

    async def run(self) -> None:
        """Reads all partitions until cancelled; waits while Redis is away and goes on after."""
        while True:
            try:
                await self._find_positions()
                await self._read()
            except (RedisError, OSError) as error:
                _log.warning("stream.unavailable", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    @property
    def is_started(self) -> bool:
        """Whether it is known where the streams end; subscribing waits for that."""
        return self._started.is_set()

    def position(self, partition: int) -> int | None:
        """Up to where a partition was read; None until it is known where the streams end."""
        return self._positions.get(partition)

    async def started(self) -> None:
        """Returns once it is known where the streams end."""
        await self._started.wait()

    @asynccontextmanager
    async def subscribe(
        self, tenant_id: UUID, cursor: Cursor | None, limit: int = 1000
    ) -> AsyncIterator[Subscription]:
        """A subscription to a tenant's events.

        Args:
            tenant_id: whose.
            cursor: the last position seen; None for what comes from now on.
            limit: events that may wait for the subscriber before it is cut off.

        Raises:
            ValueError: the cursor is of a partition the tenant's events are not in.
        """
        partition = partition_of(tenant_id)
        if cursor is not None and cursor.partition != partition:
            raise ValueError(f"not a position of this tenant: {cursor}")
        await self.started()
        after = cursor or Cursor(partition, self._positions[partition])
        subscription = Subscription(self, tenant_id, after, limit)
        try:
            yield subscription
        finally:
            self._live[partition][tenant_id].discard(subscription)

    def joined(self, subscription: Subscription, tenant_id: UUID) -> bool:
        """Subscribes it to live events if it has seen all the reader has; whether it did."""
        partition, seq = subscription.cursor.partition, subscription.cursor.seq
        if seq < self._positions[partition]:
            return False
        self._live[partition][tenant_id].add(subscription)
        return True

    async def range_after(self, cursor: Cursor) -> list[StreamEvent | Reset]:
        """What follows a position the reader is past; waits while Redis cannot say."""
        while True:
            try:
                if found := await self._range_after(cursor):
                    return found
            except (RedisError, OSError) as error:
                _log.warning("stream.unavailable", error=type(error).__name__)
            await asyncio.sleep(_RETRY_S)

    async def _range_after(self, cursor: Cursor) -> list[StreamEvent | Reset]:
        partition = cursor.partition
        entries = await self._client.xrange(
            stream_key(partition), f"({cursor.seq}-0", "+", count=_BATCH
        )
        events = [decode(partition, entry_id, fields) for entry_id, fields in entries]
        if events:
            return list(contiguous(cursor.seq, events))
        # Behind the reader and nothing there: a wiped stream is being refilled, wait for it; one
        # that has come as far as the reader was trimmed to its end.
        last = (await last_seqs(self._client, [partition]))[partition]
        if last < self._positions[partition]:
            return []
        return [Reset(Cursor(partition, last), is_back=last < cursor.seq)]

    async def _find_positions(self) -> None:
        """Where each stream ends, unless reading began before; waits while one is refilled."""
        while not self._positions:
            ends = await restored_ends(self._client)
            if len(ends) == PARTITIONS:
                self._positions = ends
            else:
                await asyncio.sleep(_RETRY_S)
        self._started.set()

    async def _read(self) -> None:
        keys = {stream_key(partition).encode(): partition for partition in range(PARTITIONS)}
        block_ms = int(self._look_every_s * 1000)
        clock = asyncio.get_running_loop().time
        doubted: set[int] = set()
        looked = clock()
        while True:
            after = {key: f"{self._positions[partition]}-0" for key, partition in keys.items()}
            answer = await self._client.xread(after, count=_BATCH, block=block_ms)
            for key, entries in answer:
                self._deliver(keys[key], entries)
            if answer:
                await asyncio.sleep(self._gather_s)
            if clock() >= looked + self._look_every_s:
                doubted = await self._look_back(doubted)
                looked = clock()

    async def _look_back(self, doubted: set[int]) -> set[int]:
        """Leads back whoever is past the end of a stream that was doubted before; the new doubts.

        A Redis that lost its last second ends too early as well, until the relay has been there:
        hence the second look.
        """
        ends = await restored_ends(self._client)
        past = {partition for partition, end in ends.items() if self._farthest(partition) > end}
        for partition in past & doubted:
            self._lead_back(Cursor(partition, ends[partition]))
        return past - doubted

    def _farthest(self, partition: int) -> int:
        groups = self._live[partition].values()
        seen = (one.cursor.seq for group in groups for one in group)
        return max([self._positions[partition], *seen])

    def _lead_back(self, end: Cursor) -> None:
        _log.warning("stream.began_anew", partition=end.partition, end=end.seq)
        everyone = self._positions[end.partition] > end.seq
        self._positions[end.partition] = min(self._positions[end.partition], end.seq)
        for group in self._live[end.partition].values():
            for subscription in group:
                if everyone or subscription.cursor > end:
                    subscription.offer(Reset(end, is_back=True))

    def _deliver(self, partition: int, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        live = self._live[partition]
        events = (decode(partition, entry_id, fields) for entry_id, fields in entries)
        for item in contiguous(self._positions[partition], events):
            if isinstance(item, Reset):
                receivers = [one for group in live.values() for one in group]
            else:
                receivers = list(live.get(item.tenant_id, ()))
            for subscription in receivers:
                subscription.offer(item)
            self._positions[partition] = item.cursor.seq


async def tell_restored(client: Any, partitions: Iterable[int]) -> None:
    """Says that these streams end where the log does, and counts how often that was seen to."""
    if members := [str(partition) for partition in partitions]:
        pipeline = client.pipeline(transaction=False)
        pipeline.sadd(RESTORED, *members)
        for member in members:
            pipeline.hincrby(_HEALED, member, 1)
        await pipeline.execute()


async def heal_counts(client: Any) -> dict[int, int]:
    """How often the relay has made each stream end where the log does."""
    counts = await client.hgetall(_HEALED)
    return {int(partition): int(count) for partition, count in counts.items()}


async def restored_ends(client: Any) -> dict[int, int]:
    """As `last_seqs`, of those streams that are as the log is."""
    restored = sorted(int(member) for member in await client.smembers(RESTORED))
    return await last_seqs(client, restored)


async def last_seqs(client: Any, partitions: Iterable[int]) -> dict[int, int]:
    """The number of the last entry each stream ever had; 0 where there is no stream."""
    wanted = list(partitions)
    pipeline = client.pipeline(transaction=False)
    for partition in wanted:
        pipeline.xinfo_stream(stream_key(partition))
    found = {}
    answers = await pipeline.execute(raise_on_error=False)
    for partition, info in zip(wanted, answers, strict=True):
        if isinstance(info, ResponseError) and "no such key" in str(info):
            found[partition] = 0
        elif isinstance(info, Exception):
            raise info
        else:
            found[partition] = seq_of(info["last-generated-id"])
    return found


def seq_of(entry_id: bytes) -> int:
    """The number of an event, of its entry's id."""
    return int(entry_id.partition(b"-")[0])


def decode(partition: int, entry_id: bytes, fields: Mapping[bytes, bytes]) -> StreamEvent:
    """A stream entry as an event."""
    return StreamEvent(
        cursor=Cursor(partition, seq_of(entry_id)),
        tenant_id=UUID(hex=fields[b"t"].decode()),
        principal_id=fields[b"p"].decode(),
        type=fields[b"y"].decode(),
        payload=fields[b"e"],
    )
