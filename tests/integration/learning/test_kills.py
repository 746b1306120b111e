"""A learner killed in the middle loses no outcome and counts none twice."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest

from services.assembly.home import Home
from services.chassis.data.postgres import Connection
from tests.integration.learning.replay import kept, replayed
from tests.integration.learning.serving import LearningClient, serving
from tests.integration.learning.telling import Guest
from tests.support.mesh import own_environment
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY

ROOT = Path(__file__).parents[3]
GUESTS = 120


@asynccontextmanager
async def learner(
    home: Home, database: MigratedDatabase, redis_url: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Learning as a process of its own."""
    settings = {
        "MAITRED_DB_LEARNING_URL": database.service_url("learning"),
        "REDIS_URL": redis_url,
        "MAITRED_MESH_PUBLIC_KEYS": KEY.public_pem,
        "MAITRED_PAGE_TOKEN_KEY": "test",
        "MAITRED_LEARNING_LISTEN": "127.0.0.1:0",
        "MAITRED_LEARNING_ADMIN_LISTEN": "127.0.0.1:0",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.assembly.cli", "serve", "learning"),
        cwd=ROOT,
        env=own_environment(home) | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def tell_one_by_one(client: LearningClient, guests: Sequence[Guest]) -> None:
    for guest in guests:
        await client.tell(guest)


async def test_outcomes_outlive_who_learns_them(
    home: Home, database: MigratedDatabase, redis_url: str, sees: Connection, tenant_id: UUID
) -> None:
    async def count(sql: str, *arguments: object) -> int:
        return int(await sees.fetchval(sql, *arguments))

    async with learner(home, database, redis_url) as victim:

        async def holds_all() -> bool:
            held = await count(
                "SELECT count(*) FROM learning.consumer_partitions WHERE holder LIKE $1",
                f"%:{victim.pid}",
            )
            return held == 16

        async def is_halfway() -> bool:
            learned = "SELECT count(*) FROM learning.recommendations WHERE tenant_id = $1"
            return await count(learned, tenant_id) >= GUESTS // 2

        async with asyncio.timeout(120):
            while not await holds_all():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        async with serving(database, redis_url) as heir:
            guests = [
                Guest(tenant_id)
                .is_served()
                .is_offered("muffin")
                .orders("latte", *["muffin"][: number % 2])
                .rates(1)
                .rates(1 + number % 5)
                for number in range(GUESTS)
            ]
            telling = asyncio.create_task(tell_one_by_one(heir, guests))
            await heir.until(is_halfway)
            victim.kill()
            await telling
            await heir.happens(Guest(tenant_id).is_served())
            assert await victim.wait() == -9
    found = await kept(sees, tenant_id, "seller")
    expected = await replayed(sees, tenant_id, "seller")
    assert found.counts == expected.counts
    assert found.counts[:2] == (2 * GUESTS + 1, 2 * GUESTS)
    assert found.sums == pytest.approx(expected.sums, rel=1e-9)
