"""What learns is killed while it learns, and has learned everything once."""

from tests.support.disturbed import serve_disturbed
from tests.support.mesh import RunningMesh
from tests.support.reaper import everything


async def test_whatever_dies_every_rating_is_learned_once(mesh: RunningMesh) -> None:
    await serve_disturbed(mesh, 20261121, everything(learners=2, others=1))
