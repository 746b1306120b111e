"""The outbox drained by the relay against a bare loop doing the same moves and XADDs."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import redis.asyncio

from services.chassis.data.outbox import CHANNEL, partition_of
from services.chassis.data.streams import stream_key
from tests.bench.databases import Store, stores
from tests.bench.orders_menu import placed_event
from tests.bench.processes import served
from tests.bench.table import Row, interleaved

EVENTS = 10_000
TENANTS = [UUID(int=number) for number in range(1, 9)]


async def rows() -> Sequence[Row]:
    """Events a second, from the commit of all of them to the last one in its stream."""
    async with AsyncExitStack() as stack:
        bare, ours = await stack.enter_async_context(stores(2))
        rates = {
            kind: await _rate(stack, kind, one) for kind, one in (("bare", bare), ("ours", ours))
        }
        found = await interleaved(rates)
    return [
        Row(
            "relay drain, outbox → log → streams",
            f"{found['ours']:,.0f}/s",
            f"{found['bare']:,.0f}/s",
            found["ours"] / found["bare"],
            0.7,
        )
    ]


async def _rate(stack: AsyncExitStack, kind: str, store: Store) -> Callable[[], Awaitable[float]]:
    relay_url = store.database.service_url("relay")
    await stack.enter_async_context(served("relay_server", kind, relay_url, store.redis_url))
    connection = await asyncpg.connect(store.database.url)
    stack.push_async_callback(connection.close)
    client: Any = redis.asyncio.Redis.from_url(store.redis_url)
    stack.push_async_callback(client.aclose)
    heads: Counter[int] = Counter()

    async def rate() -> float:
        await _commit(connection)
        heads.update(partition_of(TENANTS[n % len(TENANTS)]) for n in range(EVENTS))
        began = time.perf_counter()
        await connection.execute(f"NOTIFY {CHANNEL}")
        for partition, head in heads.items():
            await client.xread({stream_key(partition): f"{head - 1}-0"}, count=1, block=0)
        return EVENTS / (time.perf_counter() - began)

    return rate


async def _commit(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Writes events of several tenants in turn, all in one transaction."""
    event = placed_event()
    tenants = [TENANTS[n % len(TENANTS)] for n in range(EVENTS)]
    await connection.execute(
        "INSERT INTO events.outbox"
        " (partition, event_id, tenant_id, type, aggregate_id, principal_id, payload)"
        " SELECT partition, event_id, tenant_id, $4, $5, $6, $7"
        " FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])"
        " AS made (partition, event_id, tenant_id)",
        [partition_of(tenant) for tenant in tenants],
        [uuid4() for _ in tenants],
        tenants,
        event.type,
        event.aggregate_id,
        event.principal_id,
        event.payload,
    )
