"""Guests who talk, order and rate, more and more of them, and what they were told meanwhile."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from services.assembly.client import GatewayClient
from services.assembly.demo.play import Part
from tests.support.mesh import RunningMesh

AT_ONCE = 6
FIRST_S = 120.0


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating as it was acknowledged."""

    feedback_id: str
    session_id: str
    decision_id: str
    stars: int


@dataclass(slots=True)
class Told:
    """What guests of one tenant were told.

    Attributes:
        decisions: named by answers.
        orders: confirmed by answers.
        ratings: acknowledged, those of one session in the order they were given.
    """

    decisions: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    ratings: list[Rated] = field(default_factory=list)

    @property
    def rewarded(self) -> Mapping[str, float]:
        """What each decision that was rated is worth by its last rating, in [-1, 1]."""
        return {one.decision_id: (one.stars - 3) / 2 for one in self.ratings if one.decision_id}


@dataclass(slots=True)
class Crowd:
    """Guests, one after another in each of several places, until they are asked to stop.

    Attributes:
        told: what they were told, by the tenant's slug.
    """

    parts: Iterator[Part]
    random: Random
    told: dict[str, Told] = field(default_factory=lambda: defaultdict(Told))
    is_closing: bool = False

    async def come(self, http: httpx.AsyncClient) -> None:
        """One place: whoever leaves is followed by the next."""
        while not self.is_closing:
            part = next(self.parts)
            await self._visit(await GatewayClient.guest(http, part.tenant), part)

    async def until_rated(self, tenants: Collection[str]) -> None:
        """Returns once a decision was rated at each of these tenants; fails after two minutes."""
        async with asyncio.timeout(FIRST_S):
            while not all(self.told[slug].rewarded for slug in tenants):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _visit(self, guest: GatewayClient, part: Part) -> None:
        told = self.told[part.tenant]
        session_id = str((await guest.call("POST", "/api/v1/sessions", {}))["session_id"])
        decision_id = ""
        for text in part.says:
            answer = await guest.say(session_id, text)
            decision_id = answer.get("decision_id", "")
            told.decisions |= {decision_id} - {""}
            if answer.get("order"):
                told.orders.add(answer["order"]["order_id"])
            for _ in range(self.random.randrange(3)):
                told.ratings.append(await self._rate(guest, session_id, ""))
        told.ratings.append(await self._rate(guest, session_id, decision_id))

    async def _rate(self, guest: GatewayClient, session_id: str, decision_id: str) -> Rated:
        stars = self.random.randint(1, 5)
        rating: dict[str, Any] = {"session_id": session_id, "rating": stars}
        if decision_id:
            rating["decision_id"] = decision_id
        answer = await guest.call("POST", "/api/v1/feedback/submit", rating)
        return Rated(answer["feedback_id"], session_id, answer.get("decision_id", ""), stars)


@asynccontextmanager
async def crowd(mesh: RunningMesh, parts: Sequence[Part], random: Random) -> AsyncIterator[Crowd]:
    """Guests while the block lasts; those who are there at its end say all they came to say."""
    ours = Crowd(itertools.cycle(parts), random)
    async with (
        httpx.AsyncClient(base_url=mesh.gateway_url, timeout=60) as http,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(AT_ONCE):
            group.create_task(ours.come(http))
        try:
            yield ours
        finally:
            ours.is_closing = True
