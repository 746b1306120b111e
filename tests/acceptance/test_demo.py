"""`maitred demo`: an evening whose every account tells the same."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx

from services.assembly.client import GatewayClient
from services.assembly.demo.play import read_evening
from tests.support.evenings import Ledger, Listener
from tests.support.mesh import RunningMesh, own_environment


def errors(written: str) -> Iterator[str]:
    """Lines that a process logged as errors, ours in JSON and the servers' in their own way."""
    for line in written.splitlines():
        if line.startswith("{"):
            if json.loads(line)["level"] not in {"debug", "info", "warning"}:
                yield line
        elif any(word in line for word in ("ERROR", "FATAL", "PANIC", "Traceback")):
            yield line


async def test_orders_told_announced_and_stored_are_the_same(mesh: RunningMesh) -> None:
    ledger = Ledger(mesh.record.database_url)
    logs = {path: path.stat().st_size for path in mesh.home.logs.iterdir()}
    before = {one.tenant_id: ledger.orders(one.tenant_id) for one in mesh.demo}
    async with httpx.AsyncClient(base_url=mesh.gateway_url) as http:
        listeners = {
            one.tenant_id: Listener(GatewayClient(http, one.staff_key), ledger.head(one.tenant_id))
            for one in mesh.demo
        }
        listening = [asyncio.create_task(one.listen()) for one in listeners.values()]
        demo = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "services.assembly.cli", "demo"],
            env=own_environment(mesh.home) | {"COLUMNS": "160"},
            capture_output=True,
            text=True,
            check=False,
        )
        for tenant_id, listener in listeners.items():
            await listener.until(ledger.head(tenant_id))
        for task in listening:
            task.cancel()

    assert demo.returncode == 0, demo.stdout + demo.stderr
    guests = read_evening()
    ordering = sum(1 for part in guests if part.orders)
    announced = {
        event.data["data"]["order_id"]
        for listener in listeners.values()
        for event in listener.heard
        if event.kind == "order" and event.data["data"]["status"] == "placed"
    }
    stored = {
        order_id
        for one in mesh.demo
        for order_id in ledger.orders(one.tenant_id)
        if order_id not in before[one.tenant_id]
    }
    assert len(guests) >= 30
    assert announced == stored
    assert len(stored) == ordering
    assert (
        f"{len(guests)} guests · {ordering} orders placed · {ordering} seen on /events"
        f" · {ordering} in the lists" in demo.stdout
    )
    for path, size in logs.items():
        with path.open("rb") as log:
            log.seek(size, os.SEEK_SET)
            assert list(errors(log.read().decode())) == [], path.name
