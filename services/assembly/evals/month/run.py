"""The month itself, served in several ways, and how they compare."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from services.assembly.evals.month.guests import AGENTS, Visit, World, visits, world
from services.assembly.evals.month.loop import Loop, rewards_of
from services.bandit.credit import contribution
from services.bandit.policy import PolicySettings
from services.learning.trust import scores

START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 30
_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Served:
    """One way of serving the month's guests.

    Attributes:
        name: which.
        agents: who served each guest.
        rewards: what each visit was worth, in [-1, 1].
    """

    name: str
    agents: tuple[str, ...]
    rewards: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """What a month came to.

    Attributes:
        days: on which day each guest came, from 0.
        ways: `on` (the loop), `off` (always the workflow's own agent), `chance` (each agent as
            often as the others), and `best` (whom the guest likes best, which nobody can know).
        trust: of each agent at the end of each day of the loop.
        spoilt: the agent that became bad, and on which day.
    """

    days: tuple[int, ...]
    ways: tuple[Served, ...]
    trust: dict[str, tuple[float, ...]]
    spoilt: tuple[str, int]

    def way(self, name: str) -> Served:
        """One of the ways."""
        return next(way for way in self.ways if way.name == name)

    def share(self, agent: str, first: int, last: int) -> float:
        """Share of the loop's guests an agent served from a day to a day, both included."""
        served = [
            one == agent
            for one, day in zip(self.way("on").agents, self.days, strict=True)
            if first <= day <= last
        ]
        return sum(served) / len(served)


@dataclass(frozen=True, slots=True)
class Margin:
    """By how much one mean exceeds another, and the 95 % interval of that."""

    mean: float
    low: float
    high: float


def play(settings: PolicySettings, seed: int, sessions: int) -> Month:
    """Serves the same guests, with the same luck, in every way.

    Args:
        settings: of the bandit's policy.
        seed: the same one gives the same month.
        sessions: how many guests.
    """
    turn = DAYS // 2
    guests = world(START + timedelta(days=turn))
    came = list(visits(seed, START, DAYS, sessions))
    loop = Loop.begin(settings, START, seed)
    trust: dict[str, list[float]] = {agent: [] for agent in AGENTS}
    agents: list[str] = []
    for visit in came:
        _note(trust, loop, _day(visit))
        agent, decision_id = loop.choose(visit)
        loop.tell(visit, agent, decision_id, guests.outcome(visit, agent))
        agents.append(agent)
    _note(trust, loop, DAYS)
    chance = random.Random(seed + 1)  # noqa: S311 - a simulation, no secret
    ways = {
        "on": agents,
        "off": [AGENTS[0]] * sessions,
        "chance": [chance.choice(AGENTS) for _ in came],
        "best": [max(AGENTS, key=partial(guests.liked, visit)) for visit in came],
    }
    return Month(
        days=tuple(map(_day, came)),
        ways=tuple(
            Served(name, tuple(served), tuple(_rewards(guests, came, served)))
            for name, served in ways.items()
        ),
        trust={agent: tuple(values) for agent, values in trust.items()},
        spoilt=(guests.spoilt, turn),
    )


def margin(month: Month, one: str, other: str, seed: int = 0) -> Margin:
    """By how much the mean reward of one way exceeds another's.

    The interval is that of a bootstrap over days (B. Efron, 1979): guests of a day are alike, and
    what the loop knows is the same for all of them. The same guests are compared, pair by pair.
    """
    days = np.array(month.days)
    gain = np.array(month.way(one).rewards) - np.array(month.way(other).rewards)
    sums, counts = np.bincount(days, gain), np.bincount(days)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Margin(float(gain.mean()), float(low), float(high))


def by_day(days: Sequence[int], values: Sequence[float]) -> list[float]:
    """The mean of each day."""
    means: list[float] = (np.bincount(days, values) / np.bincount(days)).tolist()
    return means


def _note(trust: dict[str, list[float]], loop: Loop, day: int) -> None:
    """Writes down the trust at the end of every day before `day`."""
    for agent, values in trust.items():
        overall = scores(loop.learning.trusts[agent].evidence).overall
        values.extend(overall for _ in range(day - len(values)))


def _rewards(guests: World, came: Sequence[Visit], agents: Sequence[str]) -> Iterator[float]:
    for visit, agent in zip(came, agents, strict=True):
        yield contribution(rewards_of(guests.outcome(visit, agent)).values())


def _day(visit: Visit) -> int:
    return (visit.arrival.time - START).days
