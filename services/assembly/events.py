"""Looking at the streams, and filling them from the log, from outside the relay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.chassis.data.outbox import PARTITIONS
from services.chassis.data.postgres import Database
from services.chassis.data.redis_client import open_redis
from services.chassis.data.streams import decode, last_seqs, stream_key
from services.relay.config import RelayConfig
from services.relay.publisher import Publisher
from services.relay.store import EventStore

BLOCK_MS = 5000
BATCH = 500


async def tail_streams(
    redis_url: str, *, from_start: bool, follow: bool, write: Callable[[str], None]
) -> None:
    """Write every event of every partition as a line: cursor, tab, CloudEvent.

    Args:
        redis_url: where the streams are.
        from_start: begin with the oldest entries; otherwise with those to come.
        follow: wait for more for ever; otherwise return at the end.
        write: gets the lines.
    """
    async with open_redis(redis_url) as connection:
        client: Any = connection
        partitions = {stream_key(partition).encode(): partition for partition in range(PARTITIONS)}
        ends = await last_seqs(client, range(PARTITIONS))
        positions: dict[bytes, bytes | str] = {
            key: f"{0 if from_start else ends[partition]}-0"
            for key, partition in partitions.items()
        }
        while True:
            block = BLOCK_MS if follow else None
            answer = await client.xread(positions, count=BATCH, block=block)
            if not answer and not follow:
                return
            for key, entries in answer:
                for entry_id, fields in entries:
                    event = decode(partitions[key], entry_id, fields)
                    write(f"{event.cursor}\t{event.payload.decode()}")
                positions[key] = entries[-1][0]


async def replay_log(database_url: str, redis_url: str) -> int:
    """Add to the streams what the log has and they have not; how many entries that was.

    Args:
        database_url: Postgres, with the relay's role.
        redis_url: where the streams are.
    """
    retention = timedelta(seconds=RelayConfig().stream_retention_s)
    async with (
        Database.connect(database_url, max_size=1) as database,
        open_redis(redis_url) as client,
    ):
        store = EventStore(database, "replay")
        publisher = Publisher(client, store, lambda: datetime.now(UTC), retention)
        return await publisher.reconcile(range(PARTITIONS))
