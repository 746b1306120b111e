"""One gateway process holds many connections, all of which hear of one event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
import redis

from gateway.identity.model import read_key
from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.streams import RESTORED, stream_key
from tests.bench.rest import api_key
from tests.support.audience import Audience, Usage, allow_files
from tests.support.gateways import Fleet, fleet
from tests.support.servers import MigratedDatabase
from tests.support.services import SIGNER


@contextmanager
def patient_gateways(database: MigratedDatabase, redis_url: str) -> Iterator[Fleet]:
    """Gateways that let one caller have as many connections as it likes."""
    with redis.Redis.from_url(redis_url) as client:
        # As the relay says of streams that are as its log is.
        client.sadd(RESTORED, *range(PARTITIONS))
    settings = {
        "MAITRED_GATEWAY_MOST_CONNECTIONS_OF_ONE": "10000",
        "MAITRED_GATEWAY_RATE_LIMIT": "100000/minute",
    }
    with fleet(database, redis_url, **settings) as ours:
        yield ours


async def hold(gateways: Fleet, redis_url: str, streams: int, websockets: int) -> None:
    """Opens so many, has all of them hear of one event, and prints what that took."""
    if not allow_files(streams + websockets):
        pytest.skip(f"needs `ulimit -n` of {streams + websockets} and some more")
    (gateway,) = await asyncio.to_thread(gateways.at_least, 1)
    secret = await api_key(gateway.grpc, SIGNER)
    credential = read_key(secret)
    assert credential is not None
    audience = Audience(gateways.url, secret)
    try:
        empty = Usage.of(gateway.process.pid)
        await asyncio.to_thread(audience.open_streams, streams)
        await asyncio.to_thread(audience.open_websockets, websockets)
        held = Usage.of(gateway.process.pid)
        mark = add_event(redis_url, credential.tenant_id)
        heard = await asyncio.to_thread(audience.hear, mark)
        told = Usage.of(gateway.process.pid)
    finally:
        audience.close()
    count = streams + websockets
    print(
        f"{streams} streams and {websockets} WebSockets:"
        f" {(held.memory - empty.memory) / count / 1024:.1f} KiB each,"
        f" {(held.cpu_s - empty.cpu_s) / count * 1e6:.0f} µs to come,"
        f" {(told.cpu_s - held.cpu_s) / count * 1e6:.0f} µs to be told"
    )
    assert heard == count


def add_event(redis_url: str, tenant_id: UUID) -> bytes:
    """Adds an order's event to its stream; a part of it that no other has."""
    mark = f"evt_{tenant_id.hex}"
    fields = {"e": json.dumps({"id": mark}), "t": tenant_id.hex, "p": "gst_1"}
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(
            stream_key(partition_of(tenant_id)), {**fields, "y": "maitred.order.v1"}, id="1-0"
        )
    return mark.encode()
