"""Clients that go away while they are being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from services.chassis.rpc.errors import cancelled

Result = TypeVar("Result")


async def gone(receive: Receive) -> None:
    """Returns once the client has gone. The request's body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns; if the client goes away first, it is cancelled. Fails with CANCELLED."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise cancelled()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})
