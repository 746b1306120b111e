"""Replicas stop under heavier traffic than acceptance tests make."""

from tests.support.mesh import RunningMesh
from tests.support.traffic import stop_one_of_each


async def test_replicas_told_to_stop_under_heavy_traffic_fail_no_request(mesh: RunningMesh) -> None:
    await stop_one_of_each(mesh, mesh.demo[0], callers=16, calls=1000)
