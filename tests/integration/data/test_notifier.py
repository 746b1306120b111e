"""Producers tell the relay that they committed, without a NOTIFY in any transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from services.chassis.data.outbox import CHANNEL, OutboxNotifier
from tests.support.servers import MigratedDatabase


class Ear:
    """Counts notifications."""

    def __init__(self) -> None:
        self.heard = 0
        self._changed = asyncio.Event()

    def __call__(self, *_: object) -> None:
        self.heard += 1
        self._changed.set()

    async def hears(self, count: int) -> None:
        """Returns once that many were heard."""
        async with asyncio.timeout(60):
            while self.heard < count:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def notifying(database: MigratedDatabase) -> AsyncIterator[tuple[OutboxNotifier, Ear]]:
    ear = Ear()
    notifier = OutboxNotifier(database.service_url("orders"))
    task = asyncio.ensure_future(notifier.run())
    listener = await asyncpg.connect(database.service_url("relay"))
    try:
        await listener.add_listener(CHANNEL, ear)
        yield notifier, ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await listener.close()


async def test_a_commit_is_told(database: MigratedDatabase) -> None:
    async with notifying(database) as (notifier, ear):
        notifier.committed()
        await ear.hears(1)
        notifier.committed()
        await ear.hears(2)


async def test_many_commits_at_once_are_told_once(database: MigratedDatabase) -> None:
    async with notifying(database) as (notifier, ear):
        for _ in range(1000):
            notifier.committed()
        await ear.hears(1)
        # The next one arrives, so nothing was on its way behind the first.
        notifier.committed()
        await ear.hears(2)
        assert ear.heard == 2


async def test_notifications_keep_their_distance(database: MigratedDatabase) -> None:
    async with notifying(database) as (notifier, ear):
        loop = asyncio.get_running_loop()
        began = loop.time()
        commits = 0
        while loop.time() < began + 0.2:
            notifier.committed()
            commits += 1
            await asyncio.sleep(0)
        await ear.hears(1)
        most = (loop.time() - began) / 0.005 + 2
        assert ear.heard <= most < commits


async def test_a_lost_connection_loses_no_word(database: MigratedDatabase) -> None:
    async with notifying(database) as (notifier, ear):
        notifier.committed()
        await ear.hears(1)
        killer = await asyncpg.connect(database.service_url("orders"))
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
        await killer.close()
        notifier.committed()
        await ear.hears(2)
