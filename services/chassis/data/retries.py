"""Dead letters are tried again by whoever consumes their partition."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from services.chassis.data.consumer_metrics import ConsumerMetrics
from services.chassis.data.effects import Effect, described, poison
from services.chassis.data.letters import Letters, Line
from services.chassis.data.offsets import LeaseLost, Offsets
from services.chassis.data.postgres import FAULTS, Database

# At most this share of the time goes into looking: what waits costs a look in proportion.
_LOOKING_SHARE = 0.05

_log = structlog.get_logger(__name__)


class Retries:
    """Tries the letters of one consumer again, line by line, each line in order.

    Args:
        name: the consumer's.
        letters: its letters.
        offsets: its positions, for the lease that every transaction checks.
        effect: as for events that come by their stream.
        database: the service's own.
        held: the epochs of the partitions that are ours now.
        metrics: counts.
        look_every_s: seconds between looks for what is due.
    """

    def __init__(
        self,
        *,
        name: str,
        letters: Letters,
        offsets: Offsets,
        effect: Effect,
        database: Database,
        held: Callable[[], Mapping[int, int]],
        metrics: ConsumerMetrics,
        look_every_s: float,
    ) -> None:
        self._name = name
        self._letters = letters
        self._offsets = offsets
        self._effect = effect
        self._database = database
        self._held = held
        self._metrics = metrics
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Tries what is due until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            lines: list[Line] = []
            try:
                lines = await self._letters.due(self._held())
            except FAULTS as error:
                _log.warning("retries.wait", consumer=self._name, error=type(error).__name__)
            looked = clock() - began
            for line in lines:
                await self._retry_line(line)
            await asyncio.sleep(max(self._look_every_s, looked / _LOOKING_SHARE))

    async def _retry_line(self, line: Line) -> None:
        """Tries a line's letters one by one until one fails, is not due, or there is none."""
        try:
            while await self._retry_first(line):
                pass
        except LeaseLost:
            return
        except FAULTS as error:
            _log.warning("retries.retried", consumer=self._name, error=repr(error))

    async def _retry_first(self, line: Line) -> bool:
        """Tries the first letter of a line; whether it had its effect.

        Raises:
            LeaseLost: the partition is not ours.
            Exception: one of `FAULTS`; it may even have been committed.
        """
        epoch = self._held().get(line.partition)
        if epoch is None:
            raise LeaseLost
        async with self._database.tenant(line.tenant_id) as connection:
            await self._offsets.check(connection, line.partition, epoch)
            letter = await self._letters.first(connection, line)
            if letter is None:
                return False
            await connection.execute("SAVEPOINT effect")
            error = await poison(self._effect, connection, letter.event)
            if error is None:
                await self._letters.resolve(connection, letter)
            else:
                await self._letters.fail(connection, letter, described(error))
        outcome = "failed" if error else "resolved"
        self._metrics.attempts.labels(self._name, outcome).inc()
        _log.info(
            f"consumer.letter_{outcome}",
            consumer=self._name,
            cursor=str(letter.event.cursor),
            attempts=letter.attempts + 1,
        )
        return error is None
