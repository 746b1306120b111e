"""Fills the streams from the log, always contiguously.

An entry's id is `<seq>-0`. Entries are added by a script that first compares the stream's last id
with what the log says comes before them, so a stream that was wiped, rolled back or written by
another relay is noticed before anything is added, not after. Then stream and log are compared and
what is missing is added. A stream that cannot be continued without a hole is rebuilt under another
key and renamed, which readers never see half done.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import redis.asyncio
import structlog

from services.chassis.data.streams import StreamEvent, last_seqs, stream_key, tell_restored
from services.relay.store import EventStore

_BATCH = 1000
_REBUILD_S = 3600

# KEYS[1] stream; ARGV[1] the number its last entry must have; then seq, e, t, p, y per entry.
# Returns -1 when all were added, otherwise the number the stream ends with, and nothing was.
_CONTINUE = """
local last = 0
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then last = tonumber(string.match(info[i + 1], '%d+')) end
    end
end
if last ~= tonumber(ARGV[1]) then return last end
for i = 2, #ARGV, 5 do
    redis.call('XADD', KEYS[1], ARGV[i] .. '-0',
        'e', ARGV[i + 1], 't', ARGV[i + 2], 'p', ARGV[i + 3], 'y', ARGV[i + 4])
end
return -1
"""

_log = structlog.get_logger(__name__)


class Publisher:
    """Writes streams; used by the one relay that holds the partitions' leases."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        store: EventStore,
        clock: Callable[[], datetime],
        retention: timedelta,
    ) -> None:
        # The stubs type answers for every protocol and decoding at once.
        self._client: Any = client
        self._store = store
        self._clock = clock
        self._retention = retention
        self._ends: dict[int, int] = {}

    def behind(self, heads: Mapping[int, int], partitions: Iterable[int]) -> int:
        """How many events of these partitions are in the log and, by all it knows, not streamed."""
        return sum(max(0, heads[one] - self._ends.get(one, 0)) for one in partitions)

    async def publish(self, events: Sequence[StreamEvent]) -> int:
        """Adds events fresh from the log, in order by partition; returns how many were added.

        Raises:
            RedisError, OSError: Redis does not answer; `reconcile` adds what is missing later.
        """
        batches = [
            list(group) for _, group in groupby(events, key=lambda event: event.cursor.partition)
        ]
        added = 0
        for batch, continued in zip(batches, await self._continued(batches), strict=True):
            if continued:
                added += len(batch)
                self._ends[batch[0].cursor.partition] = batch[-1].cursor.seq
            else:
                added += await self.reconcile([batch[0].cursor.partition])
        return added

    async def reconcile(self, partitions: Iterable[int]) -> int:
        """Makes streams agree with the log; returns how many entries were added."""
        return sum([await self._reconcile(partition) for partition in partitions])

    async def heal(self, partitions: Sequence[int]) -> int:
        """Reconciles those streams that do not end where the log does; entries added."""
        heads = await self._store.heads()
        ends = await last_seqs(self._client, partitions)
        self._ends.update(ends)
        added = await self.reconcile([one for one in partitions if ends[one] != heads[one]])
        await tell_restored(self._client, partitions)
        return added

    async def trim(self, partitions: Iterable[int]) -> None:
        """Removes entries older than retention."""
        heads = await self._store.heads()
        for partition in partitions:
            oldest = await self._oldest(partition, heads[partition])
            key = stream_key(partition)
            await self._client.xtrim(key, minid=f"{oldest}-0", approximate=False)

    async def _reconcile(self, partition: int) -> int:
        head = (await self._store.heads())[partition]
        last = (await last_seqs(self._client, [partition]))[partition]
        entries = await self._client.xrange(stream_key(partition), "-", "+", count=1)
        # Where the stream begins, or would begin if it were continued.
        first = int(entries[0][0].partition(b"-")[0]) if entries else last + 1
        oldest = await self._oldest(partition, head)
        if last > head or first > oldest or last + 1 < oldest:
            added = await self._rebuild(partition, oldest, head)
        else:
            added = await self._catch_up(partition, last, head)
        self._ends[partition] = head
        return added

    async def _oldest(self, partition: int, head: int) -> int:
        """The first number retention wants in the stream; one past the head if there is none."""
        since = self._clock() - self._retention
        found = await self._store.first_since(partition, since)
        return head + 1 if found is None else found

    async def _catch_up(self, partition: int, last: int, head: int) -> int:
        """Adds the log's events after the stream's last, as far as the log goes."""
        added = 0
        while last < head:
            events = await self._store.read_log(partition, last, _BATCH)
            if not events or not all(await self._continued([events])):
                break
            added += len(events)
            last = events[-1].cursor.seq
        return added

    async def _rebuild(self, partition: int, oldest: int, head: int) -> int:
        """Writes the stream anew beside the old one and puts it in its place."""
        key = stream_key(partition)
        if head == 0:
            await self._client.delete(key)
            return 0
        # Nobody else's, and gone by itself if this is as far as it came.
        fresh = f"{key}:{secrets.token_hex(8)}"
        # An empty stream that knows the number it begins after.
        await self._client.xadd(fresh, {b"e": b""}, id=f"{oldest - 1}-1")
        await self._client.xtrim(fresh, maxlen=0, approximate=False)
        await self._client.expire(fresh, _REBUILD_S)
        added, last = 0, oldest - 1
        while events := await self._store.read_log(partition, last, _BATCH):
            pipeline = self._client.pipeline(transaction=False)
            for event in events:
                pipeline.xadd(fresh, event.fields(), id=f"{event.cursor.seq}-0")
            await pipeline.execute()
            added += len(events)
            last = events[-1].cursor.seq
        put = self._client.pipeline(transaction=True)
        await put.persist(fresh).rename(fresh, key).execute()
        _log.info("stream.rebuilt", partition=partition, added=added, head=head)
        return added

    async def _continued(self, batches: Sequence[Sequence[StreamEvent]]) -> list[bool]:
        """Adds each batch, of one partition, if its stream ends right before it; whether it did."""
        pipeline = self._client.pipeline(transaction=False)
        for batch in batches:
            arguments: list[bytes | int] = [batch[0].cursor.seq - 1]
            for event in batch:
                arguments.append(event.cursor.seq)
                arguments.extend(event.fields().values())
            pipeline.eval(_CONTINUE, 1, stream_key(batch[0].cursor.partition), *arguments)
        return [int(answer) == -1 for answer in await pipeline.execute()]
