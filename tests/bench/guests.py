"""A full house for some seconds: how soon the staff hear of orders while a hundred guests talk."""

from collections.abc import Sequence

from tests.bench.table import Row
from tests.soak.guests import k6, visit
from tests.support.mesh import RunningMesh

GUESTS = 100
SECONDS = 15
TOLD_WITHIN_S = 0.25


async def rows(mesh: RunningMesh) -> Sequence[Row]:
    """The 95th percentile beside what it may be; no row without k6."""
    if k6() is None:
        return ()
    came = await visit(mesh, GUESTS, SECONDS)
    return (
        Row(
            f"order → staff, {GUESTS} guests, a message a second each, p95",
            f"{came.notified_p95 * 1e3:.0f} ms",
            f"{TOLD_WITHIN_S * 1e3:.0f} ms",
            came.notified_p95 / TOLD_WITHIN_S,
            1.0,
            at_most=True,
            note=str(came),
            why="guests, k6, the databases and all targets share the machine's cores",
        ),
    )
