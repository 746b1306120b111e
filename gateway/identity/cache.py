"""What was read a moment ago: bounded, read by one at a time, gone after its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_LONG_AGO = float("-inf")


class ReadThroughCache(Generic[Key, Value]):
    """Values by key, read with `read` when they are missing or older than `lifetime_s`.

    Callers who ask for the same key meanwhile wait for the same read. What `read` raises is
    raised to all of them, and nothing is kept.
    """

    def __init__(
        self,
        read: Callable[[Key], Awaitable[Value]],
        *,
        lifetime_s: float,
        most: int,
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._lifetime_s = lifetime_s
        self._most = most
        self._clock = clock
        self._kept: dict[Key, tuple[Value, float]] = {}
        self._reading: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        """The value, read at most `lifetime_s` ago."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept[1]:
            return kept[0]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._fetch(key))
        # One caller who gives up must not take the others' answer away.
        return await asyncio.shield(reading)

    def last(self, key: Key) -> Value | None:
        """The value that was read last, however long ago; None if none is kept."""
        kept = self._kept.get(key)
        return None if kept is None else kept[0]

    def forget(self, key: Key) -> None:
        """Has the next `get` read again, also if a read is going on; `last` is as it was."""
        if key in self._kept:
            self._kept[key] = (self._kept[key][0], _LONG_AGO)
        self._reading.pop(key, None)

    def forget_all(self) -> None:
        """Has every `get` read again; `last` is as it was."""
        self._kept = {key: (value, _LONG_AGO) for key, (value, _) in self._kept.items()}
        self._reading.clear()

    async def _fetch(self, key: Key) -> Value:
        expires = self._clock() + self._lifetime_s
        try:
            value = await self._read(key)
        except BaseException:
            if self._reading.get(key) is asyncio.current_task():
                del self._reading[key]
            raise
        # Forgotten meanwhile: good for those who waited, not for later ones.
        if self._reading.get(key) is asyncio.current_task():
            del self._reading[key]
            self._kept.pop(key, None)
            self._kept[key] = (value, expires)
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return value
