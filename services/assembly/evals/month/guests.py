"""Guests of a simulated month, and how they like to be served.

A guest has a mood that nobody sees. It shows a little in when they come and in what they say, and
decides how much they like each agent: who is in a hurry wants it brief, who is curious wants to
know, who is hungry likes to be offered more. What is fixed here is how guests are; what the loop
makes of them is not.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.coordinator.routing.context import Arrival

AGENTS = ("host", "seller", "guide")


class Mood(StrEnum):
    """What a guest is like today."""

    HURRIED = "hurried"
    CURIOUS = "curious"
    HUNGRY = "hungry"


@dataclass(frozen=True, slots=True)
class Manner:
    """How guests of a mood come.

    Attributes:
        hours: how many come in each hour of a working day, relative to each other.
        weekend: how many times as many come at a weekend.
        orders: share of first messages that say something about an order.
        asks: share of first messages that ask something.
        length: median length of the first message, in characters.
    """

    hours: tuple[float, ...]
    weekend: float
    orders: float
    asks: float
    length: float


@dataclass(frozen=True, slots=True)
class Visit:
    """A guest who comes.

    Attributes:
        number: from 0.
        arrival: what the coordinator sees of them.
        mood: what it does not see.
        luck: chances in [0, 1) that decide what comes of it, whoever serves: whether they order,
            whether they rate, how generously, whether they leave a cart behind, and when they rate.
    """

    number: int
    arrival: Arrival
    mood: Mood
    luck: tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a visit; `stars` is 0 where the guest gave none, `delay` when they did."""

    ordered: bool
    left_cart: bool
    stars: int
    delay: timedelta


@dataclass(frozen=True, slots=True)
class World:
    """How guests are.

    Attributes:
        liking: how well a mood is served by an agent, in [0, 1].
        spoilt: an agent that becomes bad.
        spoilt_from: when.
        spoilt_liking: how well everyone is served by it from then on.
    """

    liking: dict[tuple[Mood, str], float]
    spoilt: str
    spoilt_from: datetime
    spoilt_liking: float

    def liked(self, visit: Visit, agent: str) -> float:
        """How well an agent serves a guest, in [0, 1]."""
        if agent == self.spoilt and visit.arrival.time >= self.spoilt_from:
            return self.spoilt_liking
        return self.liking[visit.mood, agent]

    def outcome(self, visit: Visit, agent: str) -> Outcome:
        """What comes of it if this agent serves them; the same guest has the same luck with all."""
        liked = self.liked(visit, agent)
        order, rate, generous, leave, when = visit.luck
        ordered = order < 0.3 + 0.6 * liked
        # From one star to five; people differ by about one.
        stars = round(1 + 4 * liked + 1.2 * (2 * generous - 1))
        return Outcome(
            ordered=ordered,
            left_cart=not ordered and leave < 0.4,
            stars=max(1, min(5, stars)) if rate < 0.5 else 0,
            delay=timedelta(minutes=2 + 40 * when),
        )


def _hours(*peaks: tuple[float, float]) -> tuple[float, ...]:
    """Few at all hours from 7 to 23, many around peaks of (hour, width in hours)."""
    return tuple(
        sum(math.exp(-(((hour - peak) / width) ** 2)) for peak, width in peaks)
        + (0.05 if 7 <= hour < 23 else 0.0)
        for hour in range(24)
    )


MANNERS = {
    Mood.HURRIED: Manner(_hours((8.0, 1.5), (17.0, 1.0)), 0.3, 0.85, 0.15, 28.0),
    Mood.CURIOUS: Manner(_hours((10.5, 1.5), (15.0, 2.0)), 1.6, 0.35, 0.8, 62.0),
    Mood.HUNGRY: Manner(_hours((12.5, 1.0), (19.5, 1.5)), 1.1, 0.75, 0.3, 45.0),
}


def world(spoilt_from: datetime) -> World:
    """The world of the published figures: the seller is good until it is not."""
    rows = {
        Mood.HURRIED: (0.85, 0.4, 0.35),
        Mood.CURIOUS: (0.45, 0.5, 0.9),
        Mood.HUNGRY: (0.55, 0.9, 0.5),
    }
    liking = {
        (mood, agent): liked
        for mood, row in rows.items()
        for agent, liked in zip(AGENTS, row, strict=True)
    }
    return World(liking, "seller", spoilt_from, 0.12)


def visits(seed: int, start: datetime, days: int, sessions: int) -> Iterator[Visit]:
    """The guests of a month in the order they come.

    Args:
        seed: the same one gives the same guests.
        start: midnight before the first day, UTC.
        days: how many.
        sessions: how many guests.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    slots = [(start + timedelta(hours=hour), mood) for hour in range(24 * days) for mood in Mood]
    weights = [_weight(time, MANNERS[mood]) for time, mood in slots]
    chosen = chance.choices(slots, weights, k=sessions)
    times = sorted((time + timedelta(hours=chance.random()), mood) for time, mood in chosen)
    for number, (time, mood) in enumerate(times):
        yield _visit(number, time, mood, chance)


def _weight(time: datetime, manner: Manner) -> float:
    return manner.hours[time.hour] * (manner.weekend if time.weekday() >= 5 else 1.0)


def _visit(number: int, time: datetime, mood: Mood, chance: random.Random) -> Visit:
    manner = MANNERS[mood]
    arrival = Arrival(
        time=time,
        ordinal=1,
        length=round(manner.length * math.exp(chance.gauss(0.0, 0.4))),
        sentiment=max(-1.0, min(1.0, chance.gauss(0.15, 0.3))),
        orders=chance.random() < manner.orders,
        asks=chance.random() < manner.asks,
        cart_minor=0,
        came_before=chance.random() < 0.3,
    )
    luck = (
        chance.random(),
        chance.random(),
        chance.random(),
        chance.random(),
        chance.random(),
    )
    return Visit(number, arrival, mood, luck)
