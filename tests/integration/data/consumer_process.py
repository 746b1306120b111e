"""A consumer as a process: `python -m tests.integration.data.consumer_process DATABASE REDIS BY`.

Each of its effects takes a while. Prints a line once it runs.
"""

import asyncio
import sys

from prometheus_client import CollectorRegistry

from services.chassis.data.postgres import Connection, Database
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import StreamEvent
from tests.integration.data.consuming import Bench, counted


async def main(database_url: str, redis_url: str, by: str) -> None:
    async def slow(connection: Connection, event: StreamEvent) -> None:
        await connection.execute("SELECT pg_sleep(0.002)")
        await counted(by)(connection, event)

    async with Database.connect(database_url) as database, open_redis(redis_url) as client:
        bench = Bench(client, database, database, CollectorRegistry())
        print("running", flush=True)
        await bench.consumer(slow).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
