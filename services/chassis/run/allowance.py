"""How much one client may say."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """A token bucket: `per_s` a second, at most `at_once` saved up; `clock` is in seconds."""

    __slots__ = ("_at_once", "_clock", "_left", "_per_s", "_since")

    def __init__(self, per_s: float, at_once: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._clock = clock
        self._left = at_once
        self._since = clock()

    def take(self) -> bool:
        """Takes one; False if none is left."""
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._since) * self._per_s)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
