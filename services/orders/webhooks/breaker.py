"""A breaker for each endpoint: failures one after another keep attempts away for a while.

Nothing is stored but failures and a time: closed below the threshold, open until the time,
half-open after it until an attempt has ended. One attempt at a time is let through half-open.
"""

from datetime import datetime
from enum import StrEnum

from services.orders.webhooks.webhook import Health, Thresholds


class BreakerState(StrEnum):
    """Whether attempts are made."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


def state(health: Health, thresholds: Thresholds, now: datetime) -> BreakerState:
    """The breaker's state at a moment."""
    if health.open_until is None or health.failures < thresholds.failures_to_open:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < health.open_until else BreakerState.HALF_OPEN


def slots(at: BreakerState, most: int) -> int:
    """How many attempts may be made at once where at most `most` ever may."""
    return {BreakerState.CLOSED: most, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 0}[at]


def succeeded() -> Health:
    """After a success: nothing of the past counts."""
    return Health()


def failed(health: Health, thresholds: Thresholds, now: datetime) -> Health:
    """After one more failure."""
    failures = health.failures + 1
    return Health(
        failures=failures,
        open_until=now + thresholds.open_for if failures >= thresholds.failures_to_open else None,
        failing_since=health.failing_since or now,
    )
