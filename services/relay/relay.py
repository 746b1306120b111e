"""The relay's life: hold partitions, move what was committed, keep streams and log in step."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import asyncpg
import structlog
from redis.exceptions import RedisError

from services.chassis.data.leases import RENEW_EVERY_S
from services.chassis.data.outbox import CHANNEL
from services.chassis.data.postgres import FAULTS
from services.chassis.data.streams import StreamEvent
from services.relay.config import RelayConfig
from services.relay.metrics import RelayMetrics
from services.relay.publisher import Publisher
from services.relay.store import EventStore

_RETRY_S = 0.25
_BATCHES_AHEAD = 4
_LETTERS_AT_ONCE = 1000
_COUNT_LETTERS_EVERY_S = 5.0
# At most this share of the time goes into counting what waits, as long as that keeps nobody in the
# dark: a database that was away is looked at again soon, for all the time the last look took.
_LOOKING_SHARE = 0.1
_LONGEST_PAUSE_S = 30.0

_log = structlog.get_logger(__name__)


class Relay:
    """One relay process. Any number may run: a partition is moved by whoever holds its lease.

    Moving and publishing are loops of their own, so that Redis, slow or away, never holds up the
    outbox.
    """

    def __init__(
        self,
        config: RelayConfig,
        store: EventStore,
        publisher: Publisher,
        metrics: RelayMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._store = store
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._held: dict[int, int] = {}
        # Partitions whose stream must be compared with the log before anything is added.
        self._unchecked: set[int] = set()
        self._moved: asyncio.Queue[Sequence[StreamEvent]] = asyncio.Queue(_BATCHES_AHEAD)
        self._wake = asyncio.Event()

    async def hold(self) -> None:
        """Keeps leases until cancelled, then gives them back."""
        try:
            while True:
                try:
                    await self._keep_leases()
                except FAULTS as error:
                    # The epochs still tell what is ours; the store checks them with every move.
                    _log.warning("relay.database_unavailable", error=type(error).__name__)
                await asyncio.sleep(RENEW_EVERY_S if self._held else _RETRY_S)
        finally:
            with contextlib.suppress(*FAULTS):
                await asyncio.shield(self._store.release_partitions(self._held))

    async def listen(self) -> None:
        """Wakes the mover whenever a producer says that it committed."""
        while True:
            with contextlib.suppress(*FAULTS):
                await self._listen()
            await asyncio.sleep(_RETRY_S)

    async def move(self) -> None:
        """Moves what was committed, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while await self._move_batch():
                    pass
            except asyncpg.CheckViolationError:
                # The month has begun by the database's clock and not by ours, or trimming failed
                # for weeks.
                await self._keep_this_month()
            except FAULTS as error:
                _log.warning("relay.move_failed", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                self._wake.set()

    async def publish(self) -> None:
        """Publishes what was moved, and compares streams with the log at every poll."""
        loop = asyncio.get_running_loop()
        healed = loop.time()
        while True:
            events: Sequence[StreamEvent] = ()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(healed + self._config.poll_s):
                    events = await self._moved.get()
            try:
                if events and not self._unchecked:
                    self._metrics.published.inc(await self._publisher.publish(events))
                if self._unchecked or loop.time() >= healed + self._config.poll_s:
                    await self._heal()
                    healed = loop.time()
            except (RedisError, *FAULTS) as error:
                if not self._unchecked:
                    _log.warning("relay.streams_unavailable", error=type(error).__name__)
                self._unchecked.update(self._held)
                await asyncio.sleep(_RETRY_S)
                healed = loop.time() - self._config.poll_s

    async def observe(self) -> None:
        """Tells at every poll how far behind the log and the streams are."""
        clock = asyncio.get_running_loop().time
        count_at = 0.0
        while True:
            began = clock()
            with contextlib.suppress(*FAULTS):
                heads = await self._store.heads()
                self._metrics.unpublished.set(self._publisher.behind(heads, self._held))
                backlog = await self._store.backlog()
                self._metrics.backlog(backlog.waiting, backlog.age_s)
                if clock() >= count_at:
                    self._metrics.letters(await self._store.count_letters())
                    count_at = clock() + _COUNT_LETTERS_EVERY_S
            await asyncio.sleep(max(self._config.poll_s, pause_after(clock() - began)))

    async def trim(self) -> None:
        """Removes what is older than retention, and makes the log's next month in time."""
        while True:
            # A log that a backup reads for hours keeps its months; streams are trimmed meanwhile.
            for step in (self._trim_log, self._trim_letters, self._trim_streams):
                try:
                    await step()
                except (RedisError, *FAULTS) as error:
                    _log.warning("relay.trim_failed", error=type(error).__name__)
            await asyncio.sleep(self._config.trim_every_s)

    async def _keep_leases(self) -> None:
        if self._held:
            kept = await self._store.renew_partitions(self._held)
            self._held = {one: epoch for one, epoch in self._held.items() if one in kept}
        taken = await self._store.take_partitions()
        if taken:
            _log.info("relay.partitions_taken", partitions=sorted(taken))
            self._held.update(taken)
            self._unchecked.update(taken)
            with contextlib.suppress(asyncio.QueueFull):
                self._moved.put_nowait(())
            self._wake.set()
        self._metrics.held.set(len(self._held))

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._config.database_url, timeout=5)
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            self._wake.set()
            while True:
                await asyncio.sleep(self._config.poll_s)
                await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()

    async def _move_batch(self) -> bool:
        """Moves one batch and hands it on; whether there may be more."""
        events = await self._store.move(self._held, self._config.batch)
        if not events:
            return False
        self._metrics.moved(event.type for event in events)
        await self._hand_on(events)
        counts = Counter(event.cursor.partition for event in events)
        return max(counts.values()) == self._config.batch

    async def _keep_this_month(self) -> None:
        _log.warning("relay.log_month_missing")
        with contextlib.suppress(*FAULTS):
            await self._store.keep_this_log_month()
        await asyncio.sleep(_RETRY_S)
        self._wake.set()

    async def _hand_on(self, events: Sequence[StreamEvent]) -> None:
        """Gives what was moved to the publisher, unless that reads the log anyway."""
        if self._unchecked:
            return
        try:
            async with asyncio.timeout(self._config.poll_s):
                await self._moved.put(events)
        except TimeoutError:
            self._unchecked.update(self._held)

    async def _heal(self) -> None:
        """Adds what streams lack: Redis may have come back empty, or with yesterday's data."""
        unchecked, self._unchecked = self._unchecked, set()
        added = await self._publisher.reconcile(sorted(unchecked & self._held.keys()))
        added += await self._publisher.heal([*self._held])
        self._metrics.published.inc(added)

    async def _trim_log(self) -> None:
        now = self._clock()
        await self._store.keep_log_month(now)
        await self._store.keep_log_month(now + timedelta(days=28))
        dropped = await self._store.drop_log_months_before(
            now - timedelta(days=self._config.log_retention_days)
        )
        if dropped:
            _log.info("relay.log_months_dropped", months=dropped)

    async def _trim_letters(self) -> None:
        before = self._clock() - timedelta(days=self._config.dead_letter_retention_days)
        deleted = _LETTERS_AT_ONCE
        while deleted == _LETTERS_AT_ONCE:
            deleted = await self._store.delete_settled_letters(before, _LETTERS_AT_ONCE)

    async def _trim_streams(self) -> None:
        await self._publisher.trim([*self._held])


def pause_after(took_s: float) -> float:
    """Seconds to leave the database alone for after a look that took so many."""
    return min(took_s / _LOOKING_SHARE, _LONGEST_PAUSE_S)
