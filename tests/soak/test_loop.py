"""Everything dies again and again while guests are served and rate it."""

from random import Random

import pytest

from tests.support.disturbed import play_disturbed, serve_disturbed
from tests.support.mesh import RunningMesh
from tests.support.reaper import everything, schedule

GUESTS_OF_THE_DEMO = 240


@pytest.mark.parametrize("seed", range(3))
async def test_however_often_everything_dies_every_rating_is_learned_once(
    mesh: RunningMesh, seed: int
) -> None:
    await serve_disturbed(mesh, seed, everything(learners=6, others=2))


async def test_a_whole_demo_does_not_notice_what_is_killed(mesh: RunningMesh) -> None:
    victims = schedule(Random(1), everything(learners=8, others=2))
    await play_disturbed(mesh, 1, GUESTS_OF_THE_DEMO, victims)
