"""Decides who serves a segment of a conversation."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from services.coordinator.models.local.acts import read_act
from services.coordinator.routing.context import Arrival, context_of, trust_feature
from services.coordinator.routing.ports import (
    Arm,
    Bandit,
    Choice,
    KeyTaken,
    Question,
    Standing,
    Unavailable,
)
from services.coordinator.sessions.ports import Begun
from services.coordinator.sessions.serving import Serving

_UNKNOWN = Standing(0.5)

_log = logging.getLogger(__name__)


class Trust(Protocol):
    """Whom a tenant trusts, as far as is known."""

    async def of(self, tenant_id: UUID) -> Mapping[str, Standing]:
        """The standing of each agent; an agent nothing is known of is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Router:
    """Asks trust who may be chosen and the bandit who is.

    Attributes:
        agents: agents by their arms.
        fallback: who serves where nobody chooses.
        bandit: who chooses; None where routing is switched off.
        decided: told of each choice, by its arm.
        sentiment: how a text feels, in [-1, 1].
    """

    agents: Mapping[str, str]
    fallback: str
    bandit: Bandit | None
    trust: Trust
    decided: Callable[[str], None]
    sentiment: Callable[[str], float]

    async def decide(self, begun: Begun) -> Serving:
        """Who serves from this turn on; by no decision where the bandit is off or fails."""
        if self.bandit is None:
            return Serving(self.fallback)
        session_id = f"ses_{begun.turn.session_id.hex}"
        key = f"{session_id}/1"
        standings = await self.trust.of(begun.lease.owner.tenant_id)
        probes = {
            agent: coin(key, agent) < standing.probe_share
            for agent, standing in standings.items()
            if standing.disabled and agent in self.agents.values()
        }
        excluded = {arm for arm, agent in self.agents.items() if probes.get(agent) is False}
        if excluded == self.agents.keys():
            # Somebody has to serve.
            excluded = set()
        question = Question(
            key,
            session_id,
            context_of(arrival_of(begun, self.sentiment)),
            [
                Arm(arm, trust_feature(standings.get(agent, _UNKNOWN).overall))
                for arm, agent in self.agents.items()
            ],
            frozenset(excluded),
        )
        try:
            choice = await self._choice(self.bandit, question, begun.turn.turn_id)
        except Unavailable as error:
            _log.warning("routing_fell_back", extra={"error": str(error)})
            return Serving(self.fallback, probes=probes)
        self.decided(choice.arm_id)
        if probes:
            told = {"decision_id": choice.decision_id, "probes": probes}
            _log.info("routing_probed", extra=told)
        agent = self.agents[choice.arm_id]
        return Serving(agent, choice.decision_id, choice.probability, probes)

    async def _choice(self, bandit: Bandit, question: Question, turn_id: UUID) -> Choice:
        try:
            return await bandit.rank(question)
        except KeyTaken:
            # The turn of that decision came to nothing; this one is made in other circumstances.
            request_id = f"{question.request_id}/{turn_id.hex}"
            return await bandit.rank(replace(question, request_id=request_id))


def arrival_of(begun: Begun, sentiment: Callable[[str], float]) -> Arrival:
    """What is known of a turn before it is served."""
    text = begun.turn.user_text
    reading = read_act(text)
    return Arrival(
        time=begun.turn.create_time,
        ordinal=begun.turn.ordinal,
        length=len(text),
        sentiment=sentiment(text),
        orders=reading.wishes,
        asks=bool(reading.question),
        cart_minor=begun.cart.payable_minor,
        came_before=begun.came_before,
    )


def coin(key: str, agent: str) -> float:
    """A number in [0, 1) that is the same for a segment and an agent, and otherwise any."""
    digest = hashlib.sha256(f"{key}/{agent}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
