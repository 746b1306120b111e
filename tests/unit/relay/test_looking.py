"""How often the relay looks at what waits."""

import pytest

from services.relay.relay import pause_after


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.0, 0.0), (0.5, 5.0), (2.0, 20.0)])
def test_looking_takes_a_small_share_of_the_time(took_s: float, pause_s: float) -> None:
    assert pause_after(took_s) == pytest.approx(pause_s)


@pytest.mark.parametrize("took_s", [60.0, 600.0])
def test_a_look_that_a_lost_database_held_up_delays_the_next_by_no_more_than_half_a_minute(
    took_s: float,
) -> None:
    assert pause_after(took_s) == 30.0
