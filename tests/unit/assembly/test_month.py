"""A simulated month: the loop gains, leaves an agent that becomes bad, and a seed is a seed."""

from datetime import timedelta

import pytest

from services.assembly.evals.month.guests import AGENTS
from services.assembly.evals.month.plot import plot
from services.assembly.evals.month.run import DAYS, Month, margin, play
from services.bandit.policy import serving_settings

# Enough for margins far from nothing; the figures in the documents are of more.
SESSIONS = 8_000
SETTINGS = serving_settings(timedelta(days=1))


@pytest.fixture(scope="module")
def month() -> Month:
    return play(SETTINGS, seed=11, sessions=SESSIONS)


def test_the_loop_beats_no_loop_by_a_margin_that_excludes_nothing(month: Month) -> None:
    gain = margin(month, "on", "off")
    assert len(month.days) == SESSIONS
    assert 0.0 < gain.low < gain.mean < gain.high


def test_the_loop_beats_chance_and_nobody_beats_who_knows_all(month: Month) -> None:
    assert margin(month, "on", "chance").low > 0.0
    assert margin(month, "on", "best").high < 0.0


def test_an_agent_that_becomes_bad_is_left(month: Month) -> None:
    agent, turn = month.spoilt
    before, after = month.share(agent, turn - 5, turn - 1), month.share(agent, DAYS - 5, DAYS - 1)
    assert after < before / 3
    assert month.trust[agent][-1] < month.trust[agent][turn - 1] - 0.1


def test_guests_see_every_agent_now_and_then(month: Month) -> None:
    assert all(month.share(agent, 0, DAYS - 1) > 0.02 for agent in AGENTS)


def test_the_same_seed_is_the_same_month_and_another_is_not() -> None:
    first, again, other = (play(SETTINGS, seed, 1_000) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_picture_shows_every_agent_and_every_way(month: Month) -> None:
    drawn = plot(month)
    assert drawn.count("<polyline") == len(month.ways) + 2 * len(AGENTS)
    assert all(f">{agent}</text>" in drawn for agent in AGENTS)
