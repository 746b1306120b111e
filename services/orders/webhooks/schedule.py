"""When a delivery is tried again: a list of waits with jitter, and what the receiver asks for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Farther ahead than this no receiver may put an attempt off.
LONGEST_RETRY_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits after the first attempt, the second and so on; after the last one there is no other.

    `jitter` is the share by which a wait may be shorter or longer, so that what failed together is
    not tried together for ever.
    """

    waits: tuple[timedelta, ...]
    jitter: float = 0.2

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """A schedule of whole seconds, `5,300,1800`; none for an empty text.

        Raises:
            ValueError: it is something else.
        """
        return cls(tuple(timedelta(seconds=int(part)) for part in text.split(",") if text))

    def wait(self, tries: int, chance: float) -> timedelta | None:
        """The wait after so many attempts, from 1; None after the last.

        Args:
            tries: how many there were.
            chance: in [0, 1): from the shortest to the longest.
        """
        if tries > len(self.waits):
            return None
        return self.waits[tries - 1] * (1 - self.jitter + 2 * self.jitter * chance)


def retry_after(header: str, now: datetime) -> datetime | None:
    """When a receiver wants to be tried again; None if it does not say (RFC 9110, 10.2.3).

    Args:
        header: whole seconds, or a date.
        now: when the answer came.
    """
    text = header.strip()
    if text.isascii() and text.isdecimal():
        # More digits than any wait that would not be cut short.
        seconds = int(text[:9]) if len(text) <= 9 else LONGEST_RETRY_AFTER.total_seconds()
        return now + min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(moment, now + LONGEST_RETRY_AFTER)
