"""Consumers: every event of a stream has its effect once.

A consumer's position moves in the transaction of the effect, in the consumer's own schema: that is
the whole of the dedupe. One process at a time consumes a partition, by a lease whose epoch every
transaction checks. Each transaction also reads the position it moves, so neither a commit whose
answer was lost nor a Redis that was wiped and refilled makes an event count twice.

An effect that raises is poison. Its event is set aside as a dead letter, with the later ones of its
aggregate, and all others flow. Letters are tried again (`retries`), and once the last one of an
aggregate is gone its events flow again: both see the letters in a transaction of the tenant's, so
an event either finds its aggregate free, after all before it, or lines up behind. What a server's
or a network's weakness raises is no poison: the transaction is tried again for as long as it takes.

A new consumer begins where the stream does. Events that were trimmed before they were read are
counted as missed and left. Events that mean nothing here are passed over by the streams' numbers
alone; that position is written now and then, and reading some of them twice does no harm.
"""

import asyncio
import os
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from typing import Any

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from services.chassis.data.choosing import Choice, Concerned
from services.chassis.data.consumer_metrics import ConsumerMetrics
from services.chassis.data.effects import Effect, described, poison
from services.chassis.data.leases import RENEW_EVERY_S
from services.chassis.data.letters import DeadLetter, Letters, identify
from services.chassis.data.offsets import Held, LeaseLost, Offsets, consumer_tables
from services.chassis.data.postgres import FAULTS, Connection, Database
from services.chassis.data.retries import Retries
from services.chassis.data.streams import (
    StreamEvent,
    heal_counts,
    restored_ends,
    seq_of,
    stream_key,
)

__all__ = ["Consumer", "Effect", "LeaseLost", "consumer_tables"]

_BATCH = 500
_MOST_IN_TRANSACTION = 100
_TRANSACTIONS_AT_ONCE = 4
_BLOCK_S = 1.0
# Events come one by one; those of this long share a read, and those of a tenant a transaction.
_GATHER_S = 0.25
_SAVE_EVERY_S = 1.0
_RETRY_S = 0.25

_log = structlog.get_logger(__name__)


class Consumer:
    """One consumer in one process; any number of processes may run it.

    Args:
        name: under which its position is kept, for ever.
        schema: where; its migrations make `consumer_tables`.
        types: of the events it wants; it passes over others.
        effect: called for each event, in order, inside the transaction that moves the position.
        database: the service's own.
        redis: where the streams are; may come and go.
        clock: for when letters were set aside and tried.
        metrics: counts.
        concerned: asked before events are taken in, to pass over those of tenants it leaves out;
            None if the effect is to decide of each.
        look_every_s: seconds between comparisons of positions with the ends of streams.
        retry_look_every_s: seconds between looks for letters that are due.
        chance: numbers from 0 to 1, for the jitter of retries.
    """

    def __init__(
        self,
        *,
        name: str,
        schema: str,
        types: frozenset[str],
        effect: Effect,
        database: Database,
        redis: "redis.asyncio.Redis",
        clock: Callable[[], datetime],
        metrics: ConsumerMetrics,
        concerned: Concerned | None = None,
        look_every_s: float = 2.0,
        retry_look_every_s: float = 1.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._choice = Choice(types, concerned)
        self._effect = effect
        self._database = database
        # The stubs type answers for every protocol and decoding at once.
        self._client: Any = redis
        self._metrics = metrics
        self._look_every_s = look_every_s
        self._offsets = Offsets(database, schema, name, f"{socket.gethostname()}:{os.getpid()}")
        self._letters = Letters(database, name, clock, chance)
        self._retries = Retries(
            name=name,
            letters=self._letters,
            offsets=self._offsets,
            effect=effect,
            database=database,
            held=lambda: self.held,
            metrics=metrics,
            look_every_s=retry_look_every_s,
        )
        self._held: dict[int, Held] = {}
        # By partition, how often its stream was healed when our position was first past its end.
        self._doubts: dict[int, int] = {}
        self._has_some = asyncio.Event()
        self._slots = asyncio.Semaphore(_TRANSACTIONS_AT_ONCE)

    @property
    def held(self) -> Mapping[int, int]:
        """The epoch of each partition that is ours, as far as is known."""
        return {partition: held.epoch for partition, held in self._held.items()}

    def holds(self, partition: int) -> int | None:
        """The epoch under which a partition is ours, as far as is known; None if it is not."""
        held = self._held.get(partition)
        return held.epoch if held else None

    async def check(self, connection: Connection, partition: int) -> None:
        """Keeps the partition ours until the transaction of `connection` ends.

        For other work that only the holder may do. The transaction may not idle for longer than
        a lease's term.

        Raises:
            LeaseLost: it is not ours.
        """
        epoch = self.holds(partition)
        if epoch is None:
            raise LeaseLost
        await self._offsets.check(connection, partition, epoch)

    async def run(self) -> None:
        """Consumes until cancelled, then gives its partitions back."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hold(), name=f"{self._name}.hold")
                group.create_task(self._read(), name=f"{self._name}.read")
                group.create_task(self._retries.run(), name=f"{self._name}.retry")
        finally:
            held, self._held = self.held, {}
            with suppress(*FAULTS):
                await asyncio.shield(self._offsets.release(held))

    async def _hold(self) -> None:
        is_prepared = False
        while True:
            try:
                if not is_prepared:
                    await self._offsets.prepare()
                    is_prepared = True
                await self._keep_leases()
            except FAULTS as error:
                # The epochs still tell what is ours; every transaction checks them.
                _log.warning("consumer.database_unavailable", error=type(error).__name__)
            await asyncio.sleep(RENEW_EVERY_S if self._held else _RETRY_S)

    async def _keep_leases(self) -> None:
        if self._held:
            asked = self.held
            kept = await self._offsets.renew(asked)
            for partition in asked.keys() - kept:
                self._lost(partition, asked[partition])
        taken = await self._offsets.take()
        if taken:
            _log.info("consumer.partitions_taken", consumer=self._name, partitions=sorted(taken))
            self._held.update(taken)
            self._has_some.set()
        self._metrics.held.labels(self._name).set(len(self._held))

    def _lost(self, partition: int, epoch: int) -> None:
        if self.holds(partition) != epoch:
            return
        _log.warning("consumer.partition_lost", consumer=self._name, partition=partition)
        del self._held[partition]
        with suppress(KeyError):
            self._metrics.lag.remove(self._name, str(partition))
        if not self._held:
            self._has_some.clear()

    def _moved(self, partition: int, held: Held) -> None:
        # Unless it was lost, and even taken again, meanwhile.
        if self.holds(partition) == held.epoch:
            self._held[partition] = held

    async def _read(self) -> None:
        clock = asyncio.get_running_loop().time
        looked = saved = clock()
        while True:
            await self._has_some.wait()
            try:
                is_well = await self._read_once()
                if clock() >= looked + self._look_every_s:
                    await self._look()
                    looked = clock()
                if clock() >= saved + _SAVE_EVERY_S:
                    await self._save()
                    saved = clock()
            except (RedisError, *FAULTS) as error:
                _log.warning("consumer.waits", consumer=self._name, error=type(error).__name__)
                is_well = False
            if not is_well:
                await asyncio.sleep(_RETRY_S)

    async def _read_once(self) -> bool:
        """Takes in what the streams have after our positions; whether all of it went well."""
        held = {
            stream_key(partition).encode(): (partition, at) for partition, at in self._held.items()
        }
        after = {key: f"{at.read}-0" for key, (_, at) in held.items()}
        block_ms = int(min(_BLOCK_S, self._look_every_s) * 1000)
        answer = await self._client.xread(after, count=_BATCH, block=block_ms)
        wanted = await self._choice.of({held[key][0]: entries for key, entries in answer})
        async with asyncio.TaskGroup() as group:
            tasks = []
            for key, entries in answer:
                partition, at = held[key]
                ends = seq_of(entries[0][0]), seq_of(entries[-1][0])
                taking = self._take_in(partition, at.epoch, ends, wanted[partition])
                tasks.append(group.create_task(taking))
        is_well = all(task.result() for task in tasks)
        if answer and is_well and all(len(entries) < _BATCH for _, entries in answer):
            await asyncio.sleep(_GATHER_S)
        return is_well

    async def _take_in(
        self, partition: int, epoch: int, ends: tuple[int, int], wanted: Sequence[StreamEvent]
    ) -> bool:
        """Takes in what was read of a partition, from the first number to the last.

        Returns:
            Whether nothing got in the way.
        """
        if self.holds(partition) != epoch:
            return True
        try:
            async with self._slots:
                self._count_gap(partition, ends[0])
                for _, group in groupby(wanted, key=lambda event: event.tenant_id):
                    of_tenant = [*group]
                    for start in range(0, len(of_tenant), _MOST_IN_TRANSACTION):
                        run = of_tenant[start : start + _MOST_IN_TRANSACTION]
                        await self._commit(partition, run)
                held = self._held.get(partition)
                if held and held.epoch == epoch:
                    self._held[partition] = held.having_read(ends[1])
        except LeaseLost:
            self._lost(partition, epoch)
        except FAULTS as error:
            _log.warning(
                "consumer.retried", consumer=self._name, partition=partition, error=repr(error)
            )
            return False
        return True

    def _count_gap(self, partition: int, first: int) -> None:
        held = self._held.get(partition)
        # One that is new misses nothing.
        if held and 0 < held.read < first - 1:
            self._missed(partition, first - 1 - held.read)

    def _missed(self, partition: int, count: int) -> None:
        _log.error("consumer.events_missed", consumer=self._name, partition=partition, count=count)
        self._metrics.missed.labels(self._name).inc(count)

    async def _commit(self, partition: int, run: Sequence[StreamEvent]) -> None:
        """The effects of a tenant's events and the new position, all or nothing.

        Raises:
            LeaseLost: the partition is not ours.
            Exception: one of `FAULTS`; it may even have been committed.
        """
        held = self._held.get(partition)
        if held is None:
            raise LeaseLost
        letters: list[DeadLetter] = []
        async with self._database.tenant(run[0].tenant_id) as connection:
            held = held.at(await self._offsets.check(connection, partition, held.epoch))
            fresh = [event for event in run if event.cursor.seq > held.seq]
            if fresh:
                letters = await self._apply(connection, fresh)
                await self._offsets.advance(connection, partition, held, fresh[-1].cursor.seq)
                held = held.at(fresh[-1].cursor.seq)
        self._moved(partition, held)
        self._count(fresh, letters)

    async def _apply(
        self, connection: Connection, events: Sequence[StreamEvent]
    ) -> list[DeadLetter]:
        """The effects of events of one tenant; those that were set aside instead."""
        named = [(event, *identify(event)) for event in events]
        stuck = await self._letters.stuck(
            connection, events[0].tenant_id, {aggregate for _, _, aggregate in named}
        )
        letters: list[DeadLetter] = []
        savepoint = "SAVEPOINT effect"
        for event, event_id, aggregate in named:
            await connection.execute(savepoint)
            savepoint = "RELEASE SAVEPOINT effect; SAVEPOINT effect"
            if aggregate in stuck:
                error: str | None = "an earlier event of the same aggregate was set aside"
            else:
                error = await self._poison(connection, event)
            if error is not None:
                attempts = 0 if aggregate in stuck else 1
                letter = DeadLetter(event, event_id, aggregate, error, attempts)
                await self._letters.set_aside(connection, letter)
                letters.append(letter)
                stuck.add(aggregate)
        return letters

    async def _poison(self, connection: Connection, event: StreamEvent) -> str | None:
        """Has the effect; what is wrong with the event, if it has none."""
        error = await poison(self._effect, connection, event)
        if error is None:
            return None
        self._metrics.errors.labels(self._name, type(error).__name__).inc()
        _log.error(
            "consumer.event_set_aside",
            consumer=self._name,
            cursor=str(event.cursor),
            type=event.type,
            exc_info=error,
        )
        return described(error)

    def _count(self, events: Sequence[StreamEvent], letters: Sequence[DeadLetter]) -> None:
        aside = {letter.event.cursor for letter in letters}
        for event in events:
            is_aside = event.cursor in aside
            family = self._metrics.dead_letters if is_aside else self._metrics.events
            family.labels(self._name, event.type).inc()

    async def _look(self) -> None:
        """Compares positions with the ends of streams."""
        heals = await heal_counts(self._client)
        for partition, end in (await restored_ends(self._client)).items():
            held = self._held.get(partition)
            if held is None:
                continue
            self._metrics.lag.labels(self._name, str(partition)).set(max(0, end - held.read))
            if held.read < end:
                await self._pass_over(partition, held, end)
            if held.read <= end:
                self._doubts.pop(partition, None)
            elif self._is_past(partition, heals.get(partition, 0)):
                _log.error(
                    "consumer.log_began_anew", consumer=self._name, partition=partition, end=end
                )
                await self._skip({partition: held}, {partition: end})

    async def _pass_over(self, partition: int, held: Held, end: int) -> None:
        """Moves on to a stream's end if all before it was trimmed."""
        after = f"({held.read}-0"
        if not await self._client.xrange(stream_key(partition), after, "+", count=1):
            if held.read:
                self._missed(partition, end - held.read)
            await self._skip({partition: held}, {partition: end})

    def _is_past(self, partition: int, heals: int) -> bool:
        """Whether a position past a stream's end is one of a log that is no more.

        A Redis that lost its last second ends too early as well, until the relay has compared it
        with the log: the second comparison to end after this began after this.
        """
        doubted = self._doubts.setdefault(partition, heals)
        if heals < doubted:
            self._doubts[partition] = heals
        return heals >= doubted + 2

    async def _save(self) -> None:
        """Writes how far was read where that is more than has had an effect."""
        behind = {partition: held for partition, held in self._held.items() if held.seq < held.read}
        if behind:
            await self._skip(behind, {partition: held.read for partition, held in behind.items()})

    async def _skip(self, held: Mapping[int, Held], seqs: Mapping[int, int]) -> None:
        moved = await self._offsets.skip(held, seqs)
        for partition, before in held.items():
            if partition in moved:
                self._moved(partition, Held(before.epoch, seqs[partition]))
            else:
                self._lost(partition, before.epoch)
