"""What drains the outbox, in a process of its own: the relay (`ours`), or a `bare` loop.

The bare loop holds every partition for ever, moves with the relay's statement in batches of the
same size and adds the entries with XADD. It compares nothing, heals nothing and trims nothing.
Prints a line when it is at work, and stops when its standard input ends.
"""

import asyncio
import sys
from typing import Any

import asyncpg
import redis.asyncio
import uvloop

from services.chassis.data.outbox import CHANNEL
from services.chassis.data.streams import stream_key
from services.chassis.run.lifecycle import Target
from services.chassis.run.telemetry import configure_logging
from services.relay.config import RelayConfig
from services.relay.store import QUERIES
from services.relay.wiring import build
from tests.bench.processes import end_of_input, serve

HOLD_S = 3600.0


async def serve_bare(database_url: str, redis_url: str) -> None:
    client: Any = redis.asyncio.Redis.from_url(redis_url)
    connection = await asyncpg.connect(database_url)
    taken = await connection.fetch(QUERIES.take_partitions, "bare", HOLD_S)
    held = {row["partition"]: row["epoch"] for row in taken}
    wake = asyncio.Event()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener(CHANNEL, lambda *_: wake.set())
    draining = asyncio.create_task(_drain(connection, client, held, wake))
    print(0, flush=True)
    ending = asyncio.create_task(end_of_input())
    await asyncio.wait({draining, ending}, return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    await asyncio.gather(connection.close(), listener.close(), client.aclose())


async def _drain(
    connection: "asyncpg.Connection[asyncpg.Record]",
    client: Any,
    held: dict[int, int],
    wake: asyncio.Event,
) -> None:
    batch = RelayConfig().batch
    while True:
        await wake.wait()
        wake.clear()
        while rows := await connection.fetch(QUERIES.move, [*held], [*held.values()], batch):
            pipeline = client.pipeline(transaction=False)
            for row in rows:
                fields = {
                    b"e": row["payload"],
                    b"t": row["tenant_id"].hex,
                    b"p": row["principal_id"],
                    b"y": row["type"],
                }
                pipeline.xadd(stream_key(row["partition"]), fields, id=f"{row['seq']}-0")
            await pipeline.execute()


async def serve_ours(database_url: str, redis_url: str) -> None:
    config = RelayConfig(
        listen="127.0.0.1:0",
        admin_listen="127.0.0.1:0",
        database_url=database_url,
        redis_url=redis_url,
        page_token_key="secret",
    )
    await serve(Target("relay", config, build), lambda bound: bound.admin)


async def main(kind: str, *arguments: str) -> None:
    configure_logging("warning")
    await (serve_bare(*arguments) if kind == "bare" else serve_ours(*arguments))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
