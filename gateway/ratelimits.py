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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import limits
import structlog
from redis.exceptions import RedisError

from services.chassis.rpc.errors import Failure, exhausted

_MERGE_S = 0.05
_RETRY_S = 1.0
_SWEEP_S = 30.0
_LONGEST_KEY = 128

if TYPE_CHECKING:
    import redis.asyncio

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added to a count, which is forgotten `expire_s` seconds after the last addition."""

    key: str
    amount: int
    expire_s: int


class Counts(Protocol):
    """Where gateways meet."""

    async def add(self, additions: Sequence[Addition]) -> Sequence[int]:
        """The counts after the additions, in their order.

        Raises:
            RedisError, OSError: it is away; some may have been added.
        """
        ...


class RedisCounts:
    """Counts in Redis."""

    def __init__(self, redis: redis.asyncio.Redis) -> None:
        # The stubs type answers for every protocol and decoding at once.
        self._client: Any = redis

    async def add(self, additions: Sequence[Addition]) -> Sequence[int]:
        """As `Counts.add`, in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for addition in additions:
            key = f"maitred:limits:{addition.key}"
            pipeline.incrby(key, addition.amount)
            pipeline.expire(key, addition.expire_s)
        return [int(count) for count in (await pipeline.execute())[::2]]


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

    def refusal(self, counted: str = "requests") -> Failure:
        """RESOURCE_EXHAUSTED (RATE_LIMITED) of a verdict that is not allowed, and of what."""
        shown = f"{self.limit.amount}/{self.limit.GRANULARITY.name}"
        return exhausted(
            "RATE_LIMITED",
            f"Too many {counted}: {shown} are allowed.",
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
        counts: where gateways meet; None to limit by itself.
        clock: seconds since the epoch.
    """

    def __init__(self, counts: Counts | None, clock: Callable[[], float] = time.time) -> None:
        self._counts = counts
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

    def is_spent(self, limit: limits.RateLimitItem, route: str, caller: str) -> bool:
        """Whether a caller's next request to a route would be refused; it is not counted."""
        window = self._windows.get((route, caller[:_LONGEST_KEY]))
        return (
            window is not None
            and self._clock() < window.ends
            and window.period == limit.get_expiry()
            and window.counted >= limit.amount
        )

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
        windows = [self._windows[identity] for identity in identities if identity in self._windows]
        if self._counts is None or not windows:
            return True
        additions = [Addition(one.key, one.unmerged, 2 * one.period) for one in windows]
        for window in windows:
            window.unmerged = 0
        try:
            totals = await self._counts.add(additions)
        except (RedisError, OSError) as error:
            for window, addition in zip(windows, additions, strict=True):
                window.unmerged += addition.amount
            self._unmerged |= identities & self._windows.keys()
            _log.warning("rate_limits_alone", error=type(error).__name__)
            return False
        for window, total in zip(windows, totals, strict=True):
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
