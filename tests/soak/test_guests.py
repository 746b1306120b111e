"""A full house: a hundred guests talk at once, a message a second each."""

import pytest

from tests.soak.guests import k6, visit
from tests.support.mesh import RunningMesh

GUESTS = 100
SECONDS = 60
# A machine that is behind still answers everyone, but not in a minute.
LONGEST_S = 1.1 * SECONDS
TOLD_WITHIN_S = 0.25


@pytest.mark.skipif(
    k6() is None, reason="k6 is not installed: make soak does it, where there is one"
)
async def test_a_hundred_guests_are_served_at_their_pace_and_the_staff_hear_of_it(
    mesh: RunningMesh,
) -> None:
    came = await visit(mesh, GUESTS, SECONDS)
    print(came)
    assert (came.messages, came.problems) == (GUESTS * SECONDS, 0)
    assert came.orders > GUESTS
    assert came.seconds < LONGEST_S, str(came)
    assert came.notified_p95 <= TOLD_WITHIN_S, str(came)
