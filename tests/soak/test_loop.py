"""Everything dies again and again while guests are served and rate it."""

import pytest

from tests.support.disturbed import serve_disturbed
from tests.support.mesh import RunningMesh
from tests.support.reaper import everything


@pytest.mark.parametrize("seed", range(3))
async def test_however_often_everything_dies_every_rating_is_learned_once(
    mesh: RunningMesh, seed: int
) -> None:
    await serve_disturbed(mesh, seed, everything(learners=12, others=4))
