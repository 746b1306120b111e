"""Leases: the right to be the one who writes, for a term, by the database's clock.

A lease is a row with a holder, an end and an epoch that grows with every holder. The SQL stands
with the table's owner; every write under a lease checks the epoch, so one who lost the lease
without noticing writes nothing (a fencing token: Kleppmann, "How to do distributed locking").
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TERM_S = 5.0
RENEW_EVERY_S = 1.5


async def while_renewed(
    work: Coroutine[Any, Any, T],
    renew: Callable[[], Awaitable[None]],
    every_s: float = RENEW_EVERY_S,
) -> T:
    """What the work returns. If a renewal fails the work is cancelled and that failure raised."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait((task,), timeout=every_s)
            if not task.done():
                await renew()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    return task.result()
