"""One of two replicas told to stop under traffic: nobody notices."""

from services.assembly.demo.access import DemoTenant
from tests.support.mesh import RunningMesh
from tests.support.traffic import stop_one_of_each


async def test_a_replica_of_any_target_told_to_stop_fails_no_request(
    mesh: RunningMesh, coffee_bar: DemoTenant
) -> None:
    await stop_one_of_each(mesh, coffee_bar, callers=6, calls=40)
