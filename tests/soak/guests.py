"""A crowd of guests by k6, and what the staff are told of their orders meanwhile.

k6 has no event streams, so the listening is done here: the time an order's event carries is taken
just before its commit, by the clock of the machine that the listener reads as well.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from services.assembly.client import GatewayClient
from tests.support.mesh import RunningMesh

SCRIPT = Path(__file__).with_name("guests.js")
# How long the last orders may take to be told of.
PATIENCE_S = 30.0
CONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a crowd's visit.

    Attributes:
        seconds: from the first message to the end of the last answer.
        messages: how many were sent.
        orders: how many answers told of an order placed.
        problems: answers that were no success, and orders that did not come about.
        turns: milliseconds an answer took: `med`, `p(95)`, `max`, …
        late: milliseconds after its second that a message was sent; as `turns`.
        notified: seconds from each order's event to its arrival at the staff.
    """

    seconds: float
    messages: int
    orders: int
    problems: int
    turns: Mapping[str, float]
    late: Mapping[str, float]
    notified: Sequence[float]

    @property
    def notified_p95(self) -> float:
        """Seconds within which 95 of 100 orders were told of."""
        return quantiles(self.notified, n=20)[-1]

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.messages / self.seconds:.0f} a second,"
            f" {self.problems} problems; answers median {self.turns['med']:.0f} ms,"
            f" p95 {self.turns['p(95)']:.0f} ms; {self.orders} orders told of in"
            f" {quantiles(self.notified, n=2)[0] * 1e3:.0f} ms (median),"
            f" {self.notified_p95 * 1e3:.0f} ms (p95); messages late by"
            f" {self.late['p(95)']:.0f} ms (p95)"
        )


def k6() -> str | None:
    """Where k6 is, None if it is not installed."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("k6", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))


async def visit(mesh: RunningMesh, guests: int, messages: int) -> Visit:
    """`guests` at once at the demo tenants, each sending `messages`, one a second.

    Raises:
        RuntimeError: k6 is not installed, or gave up.
        TimeoutError: not all orders were told of.
    """
    heard = asyncio.Queue[float]()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=mesh.gateway_url))
        for tenant in mesh.demo:
            listening = asyncio.create_task(_listen(GatewayClient(http, tenant.staff_key), heard))
            stack.callback(listening.cancel)
        await asyncio.sleep(CONNECT_S)
        seen = await _run(mesh.gateway_url, guests, messages)
        async with asyncio.timeout(PATIENCE_S):
            notified = [await heard.get() for _ in range(seen["orders"])]
    return Visit(**seen, notified=notified)


async def _listen(staff: GatewayClient, heard: asyncio.Queue[float]) -> None:
    async for event in staff.events():
        if event.kind == "order" and event.data["data"]["status"] == "placed":
            placed = datetime.fromisoformat(event.data["time"]).timestamp()
            heard.put_nowait(time.time() - placed)


async def _run(url: str, guests: int, messages: int) -> Mapping[str, Any]:
    command = k6()
    if command is None:
        raise RuntimeError("k6 is not installed")
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        settings = {
            "MAITRED_URL": url,
            "GUESTS": str(guests),
            "MESSAGES": str(messages),
            "SUMMARY": str(summary),
        }
        process = await asyncio.create_subprocess_exec(
            *(command, "run", "--quiet", "--no-usage-report", str(SCRIPT)),
            env=os.environ | settings,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            raise RuntimeError(f"k6 ended with {code}")
        found: Mapping[str, Any] = json.loads(summary.read_text())
        return found
