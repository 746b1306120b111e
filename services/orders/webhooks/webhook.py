"""An endpoint as a value: what it is sent, when it was told, how it is doing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

EVERYTHING = "*"


class DisableReason(StrEnum):
    """Why nothing is sent."""

    OWNER = "owner"
    GONE = "gone"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Failures one after another that open a breaker, and how long it stays open."""

    failures_to_open: int
    open_for: timedelta


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint's attempts ended lately.

    Attributes:
        failures: since the last success.
        open_until: until when they keep others away; None while they do not.
        failing_since: when the first of them was; None if there is none.
    """

    failures: int = 0
    open_until: datetime | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an endpoint's owner says of it.

    Attributes:
        url: where events are sent.
        event_types: patterns: a type, a prefix ending in `.*`, or `*`.
        description: in its owner's words.
        failures_to_open: of its breaker; 0 for the installation's.
        open_seconds: the same.
    """

    url: str
    event_types: tuple[str, ...]
    description: str = ""
    failures_to_open: int = 0
    open_seconds: int = 0

    def thresholds(self, defaults: Thresholds) -> Thresholds:
        """Those of its breaker."""
        return Thresholds(
            self.failures_to_open or defaults.failures_to_open,
            timedelta(seconds=self.open_seconds) if self.open_seconds else defaults.open_for,
        )


@dataclass(frozen=True, slots=True)
class Secrets:
    """What an endpoint's messages are signed with, sealed.

    `old` signs as well until `old_expire_time`; both are None if there is none.
    """

    current: bytes
    old: bytes | None = None
    old_expire_time: datetime | None = None

    def at(self, now: datetime) -> tuple[bytes, ...]:
        """Those that sign now, the current one first."""
        if self.old is None or self.old_expire_time is None or self.old_expire_time <= now:
            return (self.current,)
        return self.current, self.old


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint.

    `wake_time` is when a delivery that waits for its open breaker is tried; None if none is.
    """

    webhook_id: UUID
    terms: Terms
    secrets: Secrets
    create_time: datetime
    update_time: datetime
    disable_reason: DisableReason | None = None
    disable_time: datetime | None = None
    health: Health = Health()
    wake_time: datetime | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether events are sent."""
        return self.disable_reason is None


def is_prefix(pattern: str) -> bool:
    """Whether a pattern stands for whatever begins so, now or later, and not for one type."""
    return pattern == EVERYTHING or pattern.endswith(".*")


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Whether any of an endpoint's patterns covers a type of events."""
    return any(
        pattern in {EVERYTHING, event_type}
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )
