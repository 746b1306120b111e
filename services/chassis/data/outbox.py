"""The outbox: what happened, written in the transaction in which it happened.

Producers insert into `events.outbox` while they hold the row lock of the aggregate the event is
about, so its events have ids in the order of their commits. Nobody notifies inside a transaction:
after the commit `OutboxNotifier.committed()` is called, and one connection per process sends at
most one NOTIFY in 5 ms.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.data.ids import to_id
from services.chassis.data.postgres import FAULTS, Connection

PARTITIONS = 16
CHANNEL = "maitred_outbox"
_NOTIFY_INTERVAL_S = 0.005
_RECONNECT_S = 1.0

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

INSERT = (
    "INSERT INTO events.outbox"
    " (partition, event_id, tenant_id, type, aggregate_id, principal_id, payload)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event as a producer writes it; `payload` is the CloudEvents JSON sent everywhere."""

    event_id: UUID
    tenant_id: UUID
    type: str
    aggregate_id: str
    principal_id: str
    payload: bytes


def partition_of(tenant_id: UUID) -> int:
    """The partition of a tenant, for ever: first byte of SHA-256 of its bytes, modulo 16."""
    return hashlib.sha256(tenant_id.bytes).digest()[0] % PARTITIONS


def cloud_event(
    *,
    event_id: UUID,
    source: str,
    event_type: str,
    subject: str,
    time: datetime,
    data: Mapping[str, Any],
) -> bytes:
    """A CloudEvents 1.0 object in JSON, one line, rendered once and never again."""
    return _JSON.encode(
        {
            "specversion": "1.0",
            "id": to_id("evt", event_id),
            "source": source,
            "type": event_type,
            "subject": subject,
            "time": time.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }
    ).encode()


async def append(connection: Connection, event: OutboxEvent) -> None:
    """Writes an event in the transaction of the change it tells of."""
    await connection.execute(
        INSERT,
        partition_of(event.tenant_id),
        event.event_id,
        event.tenant_id,
        event.type,
        event.aggregate_id,
        event.principal_id,
        event.payload,
    )


class OutboxNotifier:
    """Tells the relay that something was committed; telling it late or never only costs time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pending = asyncio.Event()

    def committed(self) -> None:
        """To be called after a transaction with outbox rows has committed."""
        self._pending.set()

    async def run(self) -> None:
        """Sends notifications until cancelled; reconnects after a failure."""
        while True:
            try:
                await self._notify()
            except FAULTS:
                self._pending.set()
                await asyncio.sleep(_RECONNECT_S)

    async def _notify(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=5,
            # A NOTIFY is a commit of its own. One that is lost is made up for by a poll, so nobody
            # waits for the disk.
            server_settings={"synchronous_commit": "off"},
        )
        try:
            while True:
                await self._pending.wait()
                self._pending.clear()
                await connection.execute(f"NOTIFY {CHANNEL}", timeout=5)
                await asyncio.sleep(_NOTIFY_INTERVAL_S)
        finally:
            connection.terminate()
