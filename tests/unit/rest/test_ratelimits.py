"""Rate limits of one gateway, and of two that meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import limits

from gateway.ratelimits import Addition, RateLimits, Verdict
from services.chassis.rpc.errors import Failure

FIVE = limits.parse("5/minute")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_030.0

    def __call__(self) -> float:
        return self.now


class Shared:
    """Counts that gateways share, and that do not answer while they are away."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self._counts = Counter[str]()

    async def add(self, additions: Sequence[Addition]) -> Sequence[int]:
        if self.is_away:
            raise ConnectionError
        for addition in additions:
            self._counts[addition.key] += addition.amount
        return [self._counts[addition.key] for addition in additions]


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
    shared = Shared()
    first, second = RateLimits(shared, clock), RateLimits(shared, clock)
    hits(first, 3)
    await first.merge()
    hits(second, 1)
    await second.merge()
    assert [verdict.allowed for verdict in hits(second, 2)] == [True, False]


async def test_a_gateway_that_meets_nobody_limits_by_itself_and_catches_up() -> None:
    clock = Clock()
    shared = Shared(is_away=True)
    alone, other = RateLimits(shared, clock), RateLimits(shared, clock)
    hits(alone, 4)
    assert not await alone.merge()
    assert [verdict.allowed for verdict in hits(alone, 2)] == [True, False]
    shared.is_away = False
    assert await alone.merge()
    hits(other, 1)
    await other.merge()
    assert not hits(other, 1)[0].allowed


async def test_merging_nothing_asks_nobody() -> None:
    assert await RateLimits(Shared(is_away=True), Clock()).merge()
