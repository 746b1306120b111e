"""Rate limits: requests per route and caller in fixed windows.

A request is decided on counts held here, so that no round trip stands before each one; what was
counted is merged with Redis many times a second, which brings back what other gateways counted.
With Redis away each gateway limits by itself. One gateway alone is exact; several may let through
what arrives within one interval of merging.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import limits
import structlog
from limits.aio.storage import Storage
from limits.errors import StorageError
from redis.exceptions import RedisError

from services.chassis.rpc.errors import Failure, exhausted

_MERGE_S = 0.05
_RETRY_S = 1.0
_SWEEP_S = 30.0
_LONGEST_KEY = 128

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a caller stands at a route: `reset_s` seconds until the window ends."""

    allowed: bool
    limit: limits.RateLimitItem
    remaining: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The RateLimit headers."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit.amount),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_s),
        ]

    def refusal(self) -> Failure:
        """RESOURCE_EXHAUSTED (RATE_LIMITED) of a verdict that is not allowed."""
        shown = f"{self.limit.amount}/{self.limit.GRANULARITY.name}"
        return exhausted(
            "RATE_LIMITED",
            f"Too many requests: {shown} are allowed.",
            retry_after=float(self.reset_s),
            limit=shown,
        )


@dataclass(slots=True)
class _Window:
    key: str
    ends: float
    period: int
    counted: int = 0
    unmerged: int = 0


class RateLimits:
    """The limits of one gateway. `run` must be running for others to count.

    Args:
        storage: where gateways meet; None to limit by itself.
        clock: seconds since the epoch.
    """

    def __init__(self, storage: Storage | None, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._unmerged: set[tuple[str, str]] = set()

    def hit(self, limit: limits.RateLimitItem, route: str, caller: str) -> Verdict:
        """Counts a request of a caller to a route; one over the limit is not counted."""
        now = self._clock()
        identity = (route, caller[:_LONGEST_KEY])
        window = self._windows.get(identity)
        if window is None or now >= window.ends or window.period != limit.get_expiry():
            window = self._windows[identity] = _open(limit, identity, now)
        allowed = window.counted < limit.amount
        if allowed:
            window.counted += 1
            window.unmerged += 1
            self._unmerged.add(identity)
        remaining = max(0, limit.amount - window.counted)
        return Verdict(allowed, limit, remaining, max(1, math.ceil(window.ends - now)))

    async def run(self) -> None:
        """Merges counts with the other gateways' until cancelled."""
        swept = self._clock()
        while True:
            await asyncio.sleep(_MERGE_S)
            if self._clock() - swept > _SWEEP_S:
                swept = self._clock()
                self._sweep()
            if not await self.merge():
                await asyncio.sleep(_RETRY_S)

    async def merge(self) -> bool:
        """Adds what was counted here to Redis and takes over its counts; False if it is away."""
        identities, self._unmerged = self._unmerged, set()
        if self._storage is None:
            return True
        windows = [self._windows[identity] for identity in identities if identity in self._windows]
        for index, window in enumerate(windows):
            added, window.unmerged = window.unmerged, 0
            try:
                total = await self._storage.incr(window.key, 2 * window.period, amount=added)
            except (RedisError, StorageError, OSError) as error:
                window.unmerged += added
                left = {_identity(one) for one in windows[index:]}
                self._unmerged |= left & self._windows.keys()
                _log.warning("rate_limits_alone", error=type(error).__name__)
                return False
            window.counted = max(window.counted, total + window.unmerged)
        return True

    def _sweep(self) -> None:
        now = self._clock()
        ended = [identity for identity, window in self._windows.items() if now >= window.ends]
        for identity in ended:
            del self._windows[identity]


def _open(limit: limits.RateLimitItem, identity: tuple[str, str], now: float) -> _Window:
    period = limit.get_expiry()
    number = int(now // period)
    return _Window(
        key=f"{identity[0]}|{identity[1]}|{period}|{number}",
        ends=float((number + 1) * period),
        period=period,
    )


def _identity(window: _Window) -> tuple[str, str]:
    route, caller, _, _ = window.key.rsplit("|", 3)
    return route, caller
