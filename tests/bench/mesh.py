"""What takes a complete mesh: delivery, turns, a full house, memory and the second start."""

import time
from collections.abc import Sequence

from services.assembly.home import Home
from tests.bench import delivery, footprint, guests, turns
from tests.bench.table import Row
from tests.support.mesh import running_mesh
from tests.support.servers import claim_home


async def rows() -> Sequence[Row]:
    """Of one mesh, started twice."""
    with claim_home() as claimed:
        home = Home(claimed.path / "mesh")
        with running_mesh(home) as mesh:
            found = [await delivery.row(mesh), await turns.row(mesh), *await guests.rows(mesh)]
            found += footprint.rows(mesh)
        began = time.perf_counter()
        with running_mesh(home, fresh=False) as mesh:
            seconds = time.perf_counter() - began
            spent = sum(footprint.cpu_s(pid) for pid in footprint.family(mesh.record.pid))
            return [*found, footprint.start(seconds, spent)]
