"""Leases: the right to be the one who writes, for a term, by the database's clock.

A lease is a row with a holder, an end and an epoch that grows with every holder. The SQL stands
with the table's owner; every write under a lease checks the epoch, so one who lost the lease
without noticing writes nothing (a fencing token: Kleppmann, "How to do distributed locking").
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from services.chassis.data.postgres import FAULTS

T = TypeVar("T")

TERM_S = 5.0
RENEW_EVERY_S = 0.3 * TERM_S


async def while_renewed(
    work: Coroutine[Any, Any, T],
    renew: Callable[[], Awaitable[None]],
    term_s: float = TERM_S,
) -> T:
    """What the work returns; it is cancelled when its lease is lost.

    Args:
        work: what the lease, just taken, is held for.
        renew: holds it for another term. A database that does not answer loses no lease before
            the term ends; anything else it raises does so at once.
        term_s: seconds from a renewal to the lease's end.

    Raises:
        TimeoutError: the term ended without a renewal.
        Exception: what the work raised, or the renewal that lost the lease.
    """
    clock = asyncio.get_running_loop().time
    every_s = term_s * RENEW_EVERY_S / TERM_S
    end = clock() + term_s
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait((task,), timeout=min(every_s, end - clock()))
            if not task.done():
                end = await _renewed(renew, end, term_s)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    return task.result()


async def _renewed(renew: Callable[[], Awaitable[None]], end: float, term_s: float) -> float:
    """When the lease ends, by the loop's clock, after an attempt to renew it."""
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout_at(end):
            await renew()
    except FAULTS as fault:
        if clock() < end:
            return end
        raise TimeoutError(errno.ETIMEDOUT, "no renewal within the lease's term") from fault
    return began + term_s
