"""Processes of a mesh killed at random moments, and all that Valkey holds deleted."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from services.assembly.supervisor import State
from tests.support.losses import delete_all
from tests.support.mesh import PROCESSES, START_S, RunningMesh, paused, wait_until

# Not a process: what Valkey holds.
STREAMS = "streams"
LEARNERS = ("bandit", "learning", "retrieval")
LONGEST_PAUSE_S = 2.0
LONGEST_STOP_S = 0.8
LONGEST_START_S = 0.15


def schedule(random: Random, times: Mapping[str, int]) -> list[str]:
    """Everything as many times as is said, in any order."""
    everything = [name for name, many in times.items() for _ in range(many)]
    random.shuffle(everything)
    return everything


def everything(others: int, learners: int) -> dict[str, int]:
    """How many times each is to die: the learners more often than others."""
    return {name: learners if name in LEARNERS else others for name in (*PROCESSES, STREAMS)}


@dataclass(frozen=True, slots=True)
class Reaper:
    """Kills, and waits for no more than the victim to be alive."""

    mesh: RunningMesh
    random: Random

    async def reap(self, victims: Iterable[str]) -> None:
        """Kills one after another; returns when all are back."""
        for name in victims:
            if self.random.random() < 0.5:
                # Half of them die alone.
                await self._all_ready()
            await asyncio.sleep(self.random.uniform(0, LONGEST_PAUSE_S))
            if name == STREAMS:
                await self._ready("valkey")
                await asyncio.to_thread(delete_all, self.mesh)
            else:
                await self._kill(name)
        await self._all_ready()

    async def _kill(self, name: str) -> None:
        await self._ready(name)
        if name in LEARNERS and self.random.random() < 0.5:
            # It dies in the middle of what has piled up.
            with paused(self.mesh, name):
                await asyncio.sleep(self.random.uniform(0, LONGEST_STOP_S))
            await asyncio.sleep(self.random.uniform(0, LONGEST_START_S))
        killed = self.mesh.kill(name)
        await asyncio.to_thread(wait_until, partial(self._is_noticed, name, killed.pid), START_S)

    def _is_noticed(self, name: str, pid: int | None) -> bool:
        return self.mesh.record.process(name).pid != pid

    async def _all_ready(self) -> None:
        for name in PROCESSES:
            await self._ready(name)

    async def _ready(self, name: str) -> None:
        def is_ready() -> bool:
            return self.mesh.record.process(name).state == State.READY

        await asyncio.to_thread(wait_until, is_ready, START_S)
