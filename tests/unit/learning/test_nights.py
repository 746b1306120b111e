"""Which day's cycle is due, in tenants' time."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from services.learning.nights import due_date

ROME, NEW_YORK, KIRITIMATI = (
    ZoneInfo(name) for name in ("Europe/Rome", "America/New_York", "Pacific/Kiritimati")
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "due"),
    [
        ("2026-07-10T23:59", ROME, date(2026, 7, 10)),  # 01:59 in Rome
        ("2026-07-11T00:00", ROME, date(2026, 7, 11)),
        ("2026-07-10T12:00", KIRITIMATI, date(2026, 7, 11)),  # 14 hours ahead: 02:00
        ("2026-07-10T11:59", KIRITIMATI, date(2026, 7, 10)),
        ("2026-07-11T05:59", NEW_YORK, date(2026, 7, 10)),
        ("2026-07-11T06:00", NEW_YORK, date(2026, 7, 11)),
    ],
)
def test_a_day_is_due_from_two_oclock_of_the_tenants_clocks(
    now: str, zone: ZoneInfo, due: date
) -> None:
    assert due_date(at(now), zone) == due


def test_where_two_oclock_does_not_exist_the_day_is_due_when_it_is_passed() -> None:
    # On 29 March 2026 Rome's clocks go from 02:00 to 03:00 at 01:00 UTC.
    assert due_date(at("2026-03-29T00:59"), ROME) == date(2026, 3, 28)
    assert due_date(at("2026-03-29T01:00"), ROME) == date(2026, 3, 29)


@pytest.mark.parametrize("zone", [ROME, NEW_YORK])
@pytest.mark.parametrize("first", ["2026-03-01T00:00", "2026-10-15T00:00"])
def test_every_day_becomes_due_once_and_in_order_whatever_the_clocks_do(
    zone: ZoneInfo, first: str
) -> None:
    planned: list[date] = []
    for quarters in range(30 * 24 * 4):
        due = due_date(at(first) + timedelta(minutes=15 * quarters), zone)
        # What the planner does: a day is planned that is later than the last.
        if not planned or due > planned[-1]:
            planned.append(due)
    days = {later - earlier for earlier, later in pairwise(planned)}
    assert days == {timedelta(days=1)}
