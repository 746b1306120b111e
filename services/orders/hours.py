"""Hours of the day and the days they are on, at the counter's own time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

ONE_DAY = timedelta(days=1)
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a day, from `start` to before `end`.

    `weekdays` count from Monday, 1; none named means every day. Hours that end before they begin
    go on past midnight and belong to the day they began.
    """

    start: time
    end: time
    weekdays: frozenset[int] = frozenset()

    def __str__(self) -> str:
        """For people, such as `11:00 to 14:00 on Mondays`."""
        if self.start == self.end == time.min:
            return f"all day{self._on()}"
        return f"{self.start:%H:%M} to {self.end:%H:%M}{self._on()}"

    def _on(self) -> str:
        days = join([_DAYS[day - 1] for day in sorted(self.weekdays)])
        return f" on {days}" if 0 < len(self.weekdays) < len(_DAYS) else ""

    def begun_on(self, local: datetime) -> date | None:
        """The day on which they began, if they are on at this local time."""
        clock, day = local.time(), local.date()
        if self.start < self.end:
            begun = day if self.start <= clock < self.end else None
        elif clock >= self.start:
            begun = day
        else:
            begun = day - ONE_DAY if clock < self.end else None
        if begun is None or (self.weekdays and begun.isoweekday() not in self.weekdays):
            return None
        return begun


@dataclass(frozen=True, slots=True)
class Window:
    """Hours from `first_day` to `last_day`, both in it; None is no bound."""

    hours: Hours
    first_day: date | None = None
    last_day: date | None = None

    def is_open(self, local: datetime) -> bool:
        """Whether it is on at this local time."""
        begun = self.hours.begun_on(local)
        return begun is not None and (
            (self.first_day is None or self.first_day <= begun)
            and (self.last_day is None or begun <= self.last_day)
        )

    def __str__(self) -> str:
        """For people, such as `11:00 to 14:00 until 24 December 2026`."""
        since = f" from {day(self.first_day)}" if self.first_day else ""
        until = f" until {day(self.last_day)}" if self.last_day else ""
        return f"{self.hours}{since}{until}"


def day(of: date) -> str:
    """A day for people, such as `24 December 2026`."""
    return f"{of.day} {of:%B %Y}"


def join(names: Sequence[str]) -> str:
    """Names as one says them: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
