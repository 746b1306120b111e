"""A bandit killed at any moment loses no reward and counts none twice."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

import grpc
import pytest

from services.bandit.audit import audit
from services.chassis.data.postgres import Connection
from tests.integration.bandit.serving import BanditClient, manager
from tests.integration.bandit.streaming import Streams, teller
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, Clock, eventually

ROOT = Path(__file__).parents[3]
DECISIONS = 90
# The first replica after so many decisions' events, then the second, which has taken over.
KILLED_AFTER = (30, 60)


class Replica:
    """A process of the bandit, killed and started again."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._channel: grpc.aio.Channel | None = None

    async def start(self) -> BanditClient:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.bandit.bandit_process", *self._arguments),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        port = int(await self._process.stdout.readline())
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        return BanditClient(self._channel, Clock())

    async def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        if self._process and self._channel:
            self._process.kill()
            await self._process.wait()
            await self._channel.close()


@asynccontextmanager
async def replica(*arguments: str) -> AsyncIterator[Replica]:
    one = Replica(*arguments)
    try:
        yield one
    finally:
        await one.kill()


async def test_rewards_outlive_those_who_apply_them(
    database: MigratedDatabase,
    redis_url: str,
    streams: Streams,
    sees: Connection,
    tenant_id: UUID,
) -> None:
    random = Random(7)
    arguments = (database.service_url("bandit"), redis_url, KEY.public_pem)
    async with replica(*arguments) as first, replica(*arguments) as second:
        replicas, clients = [first, second], [await first.start(), await second.start()]
        made = await asyncio.gather(
            *(clients[number % 2].rank(teller(tenant_id)) for number in range(DECISIONS))
        )
        ids = [decision.decision_id for decision in made]
        final = {decision_id: random.choice((-1.0, -0.5, 0.5)) for decision_id in ids}
        for number, decision_id in enumerate(ids):
            await streams.rate(tenant_id, decision_id, 1.0)
            await streams.order(tenant_id, decision_id)
            await streams.rate(tenant_id, decision_id, final[decision_id])
            if number in KILLED_AFTER:
                # It has just begun with what was published, or is in the middle of it.
                await asyncio.sleep(random.uniform(0.0, 0.05))
                victim = KILLED_AFTER.index(number)
                await replicas[victim].kill()
                clients[victim] = await replicas[victim].start()
        expected = {decision_id: value + 0.25 for decision_id, value in final.items()}

        async def all_applied() -> bool:
            waiting = await sees.fetchval(
                "SELECT count(*) FILTER (WHERE seq IS NULL) + $2 - count(*)"
                " FROM bandit.rewards WHERE tenant_id = $1",
                tenant_id,
                3 * DECISIONS,
            )
            return bool(waiting == 0)

        await eventually(all_applied)
        policy = await clients[0].policy(tenant_id)
        assert sum(arm.learned for arm in policy.arms) == DECISIONS
        total = sum(arm.learned * arm.mean_reward for arm in policy.arms)
        assert total == pytest.approx(sum(expected.values()))
        for decision_id in ids:
            decision = await clients[1].get(manager(tenant_id), decision_id)
            assert decision.reward == pytest.approx(expected[decision_id])
        async with sees.transaction():
            assert await audit(sees, tenant_id, "serving") <= 1e-9
