"""Rate limits of one gateway, and of two that meet."""

from __future__ import annotations

import limits
import pytest
from limits.aio.storage import MemoryStorage, Storage

from gateway.ratelimits import RateLimits, Verdict
from services.chassis.rpc.errors import Failure

FIVE = limits.parse("5/minute")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_030.0

    def __call__(self) -> float:
        return self.now


def hits(rate_limits: RateLimits, count: int, caller: str = "key_1") -> list[Verdict]:
    return [rate_limits.hit(FIVE, "GET /a", caller) for _ in range(count)]


def test_requests_up_to_the_limit_are_allowed() -> None:
    verdicts = hits(RateLimits(None, Clock()), 7)
    assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False] * 2
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0]


def test_a_refusal_says_what_is_allowed_and_when() -> None:
    verdict = hits(RateLimits(None, Clock()), 6)[-1]
    failure = verdict.refusal()
    assert isinstance(failure, Failure)
    assert failure.reason == "RATE_LIMITED"
    assert failure.metadata == {"limit": "5/minute", "retry_after_s": "30"}
    assert dict(verdict.headers()) == {
        b"ratelimit-limit": b"5",
        b"ratelimit-remaining": b"0",
        b"ratelimit-reset": b"30",
    }


def test_the_next_window_begins_anew() -> None:
    clock = Clock()
    rate_limits = RateLimits(None, clock)
    hits(rate_limits, 6)
    clock.now += 30
    assert hits(rate_limits, 1)[0].remaining == 4


def test_callers_and_routes_are_counted_apart() -> None:
    rate_limits = RateLimits(None, Clock())
    hits(rate_limits, 6)
    assert hits(rate_limits, 1, "key_2")[0].allowed
    assert rate_limits.hit(FIVE, "GET /b", "key_1").allowed


async def test_gateways_that_meet_share_a_limit() -> None:
    clock = Clock()
    storage = MemoryStorage()
    first, second = RateLimits(storage, clock), RateLimits(storage, clock)
    hits(first, 3)
    await first.merge()
    hits(second, 1)
    await second.merge()
    assert [verdict.allowed for verdict in hits(second, 2)] == [True, False]


class Away(MemoryStorage):
    """A storage that does not answer while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = True

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if self.is_away:
            raise ConnectionError
        return await super().incr(key, expiry, amount)


async def test_a_gateway_that_meets_nobody_limits_by_itself_and_catches_up() -> None:
    clock = Clock()
    storage = Away()
    alone, other = RateLimits(storage, clock), RateLimits(storage, clock)
    hits(alone, 4)
    assert not await alone.merge()
    assert [verdict.allowed for verdict in hits(alone, 2)] == [True, False]
    storage.is_away = False
    assert await alone.merge()
    hits(other, 1)
    await other.merge()
    assert not hits(other, 1)[0].allowed


@pytest.mark.parametrize("kind", [MemoryStorage])
async def test_merging_nothing_is_nothing(kind: type[Storage]) -> None:
    assert await RateLimits(kind(), Clock()).merge()
