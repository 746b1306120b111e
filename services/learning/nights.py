"""When a tenant's nightly cycle is due: once for each of its days, from 02:00 of its clocks.

The day is asked for, not the moment: where 02:00 does not exist the day begins to be due when the
clocks pass over it, and where it comes twice the day is due at the first and planned by the second.
"""

from datetime import date, datetime, time, timedelta, tzinfo

HOUR = time(2)


def due_date(now: datetime, zone: tzinfo) -> date:
    """The newest day whose 02:00 has come in the zone."""
    local = now.astimezone(zone)
    return local.date() if local.time() >= HOUR else local.date() - timedelta(days=1)
