"""Whole evenings through kills and losses, the sizes that acceptance tests reduce."""

import asyncio
import itertools

import pytest

from services.assembly.demo.play import read_evening
from tests.support.evenings import play
from tests.support.losses import LOSSES, Loss
from tests.support.mesh import PROCESSES, RunningMesh

KILLS = 3


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_whole_evening_goes_on_though_a_process_is_killed_again_and_again(
    mesh: RunningMesh, name: str
) -> None:
    async def kill() -> None:
        for _ in range(KILLS):
            await kill_and_wait(mesh, name)

    (await play(mesh, read_evening(), kill)).assert_nothing_lost_or_doubled()


async def test_a_whole_evening_goes_on_though_every_process_is_killed(mesh: RunningMesh) -> None:
    async def kill() -> None:
        for name in PROCESSES:
            await kill_and_wait(mesh, name)

    (await play(mesh, read_evening(), kill)).assert_nothing_lost_or_doubled()


async def test_a_whole_evening_goes_on_though_two_processes_die_at_once(mesh: RunningMesh) -> None:
    for pair in itertools.combinations(PROCESSES, 2):

        async def kill(pair: tuple[str, str] = pair) -> None:
            await kill_and_wait(mesh, *pair)

        (await play(mesh, read_evening(), kill)).assert_nothing_lost_or_doubled()


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_whole_evening_goes_on_though_valkey_loses_everything(
    mesh: RunningMesh, lose: Loss
) -> None:
    async def lose_all() -> None:
        await asyncio.to_thread(lose, mesh)

    (await play(mesh, read_evening(), lose_all)).assert_nothing_lost_or_doubled()


async def kill_and_wait(mesh: RunningMesh, *names: str) -> None:
    """Kills processes at once and returns when all are back."""
    killed = [mesh.kill(name) for name in names]
    for one in killed:
        await asyncio.to_thread(mesh.wait_until_back, one)
