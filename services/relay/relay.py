"""The relay's life: hold partitions, move what was committed, publish it, heal and trim streams."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg
import structlog
from redis.exceptions import RedisError

from services.chassis.data.leases import RENEW_EVERY_S
from services.chassis.data.outbox import CHANNEL
from services.relay.config import RelayConfig
from services.relay.metrics import RelayMetrics
from services.relay.publisher import Publisher
from services.relay.store import EventStore

# A relay that lost its database knows nothing; it begins again.
FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_RETRY_S = 0.25

_log = structlog.get_logger(__name__)


class Relay:
    """One relay process. Any number may run: a partition is moved by whoever holds its lease."""

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
        self._wake = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._redis_answers = False

    async def hold(self) -> None:
        """Keeps leases until cancelled, then gives them back."""
        try:
            while True:
                try:
                    await self._keep_leases()
                except FAULTS as error:
                    self._held.clear()
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
        """Moves and publishes until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._config.poll_s)
            self._wake.clear()
            try:
                while self._held and await self.move_once() == self._config.batch:
                    pass
            except FAULTS as error:
                _log.warning("relay.move_failed", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def heal(self) -> None:
        """Compares streams with the log at every poll: Redis may have come back empty."""
        while True:
            try:
                backlog = await self._store.backlog()
                self._metrics.backlog(backlog.waiting, backlog.age_s)
                async with self._publishing:
                    self._metrics.published.inc(await self._publisher.heal([*self._held]))
                self._redis_answers = True
            except (RedisError, *FAULTS) as error:
                self._redis_fails(error)
            await asyncio.sleep(self._config.poll_s)

    async def trim(self) -> None:
        """Removes what is older than retention, and makes the log's next month in time."""
        while True:
            try:
                await self._trim_log()
                async with self._publishing:
                    await self._publisher.trim([*self._held])
            except (RedisError, *FAULTS) as error:
                _log.warning("relay.trim_failed", error=type(error).__name__)
            await asyncio.sleep(self._config.trim_every_s)

    async def move_once(self) -> int:
        """Moves one batch and publishes it; how many events it was."""
        events = await self._store.move(self._held, self._config.batch)
        self._metrics.moved.inc(len(events))
        if events and self._redis_answers:
            try:
                async with self._publishing:
                    self._metrics.published.inc(await self._publisher.publish(events))
            except (RedisError, OSError) as error:
                self._redis_fails(error)
        return len(events)

    def _redis_fails(self, error: Exception) -> None:
        """The log goes on growing; `heal` adds what is missing once Redis answers."""
        if self._redis_answers:
            _log.warning("relay.streams_unavailable", error=type(error).__name__)
        self._redis_answers = False

    async def _keep_leases(self) -> None:
        if self._held:
            kept = await self._store.renew_partitions(self._held)
            self._held = {one: epoch for one, epoch in self._held.items() if one in kept}
        taken = await self._store.take_partitions()
        if taken:
            _log.info("relay.partitions_taken", partitions=sorted(taken))
            self._held.update(taken)
            async with self._publishing:
                with contextlib.suppress(RedisError):
                    await self._publisher.reconcile(taken)
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

    async def _trim_log(self) -> None:
        now = self._clock()
        await self._store.keep_log_month(now)
        await self._store.keep_log_month(now + timedelta(days=28))
        dropped = await self._store.drop_log_months_before(
            now - timedelta(days=self._config.log_retention_days)
        )
        if dropped:
            _log.info("relay.log_months_dropped", months=dropped)
