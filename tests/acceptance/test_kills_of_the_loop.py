"""What learns is killed while it learns, and has learned everything once."""

from tests.support.disturbed import play_disturbed, serve_disturbed
from tests.support.mesh import RunningMesh
from tests.support.reaper import LEARNERS, everything


async def test_whatever_dies_every_rating_is_learned_once(mesh: RunningMesh) -> None:
    await serve_disturbed(mesh, 20261121, everything(learners=2, others=1))


async def test_the_demo_does_not_notice_that_what_learns_is_killed(mesh: RunningMesh) -> None:
    await play_disturbed(mesh, 1, 40, LEARNERS)
