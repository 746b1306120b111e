"""What is killed in the middle of an evening comes back, and the evening does not notice."""

import asyncio

import pytest

from services.assembly.demo.play import read_evening
from tests.support.evenings import play
from tests.support.mesh import PROCESSES, RunningMesh

# A third of the guests, of both tenants.
SMALL_EVENING = read_evening()[::3]


@pytest.mark.parametrize("name", PROCESSES)
async def test_an_evening_goes_on_after_a_kill(mesh: RunningMesh, name: str) -> None:
    async def kill() -> None:
        await asyncio.to_thread(lambda: mesh.wait_until_back(mesh.kill(name)))

    account = await play(mesh, SMALL_EVENING, kill)

    account.assert_nothing_lost_or_doubled()
