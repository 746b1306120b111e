"""How far a job is, written at most twice a second however often it is told."""

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL_S = 0.5
_LONGEST_NOTE = 500

Write = Callable[[int, int, int, str], Awaitable[None]]


class ProgressWriter:
    """Of one run; `finish` writes the last word."""

    def __init__(self, number: int, write: Write, clock: Callable[[], float]) -> None:
        """Of job `number`; `clock` is monotonic, in seconds."""
        self._number = number
        self._write = write
        self._clock = clock
        self._written = float("-inf")
        self._pending: tuple[int, int, str] | None = None
        self._lock = asyncio.Lock()

    async def tell(self, done: int, total: int, note: str = "") -> None:
        """See `services.chassis.data.jobs.Progress`."""
        self._pending = (done, total, note[:_LONGEST_NOTE])
        if self._clock() - self._written >= INTERVAL_S and not self._lock.locked():
            await self.finish()

    async def finish(self) -> None:
        """Writes what was told last, if that is not written yet."""
        async with self._lock:
            if self._pending is not None:
                told, self._pending = self._pending, None
                self._written = self._clock()
                await self._write(self._number, *told)
