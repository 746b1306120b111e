"""Sessions and turns as values, and why a message may not be answered now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.coordinator.sessions.cart import Cart, Focus
from services.coordinator.sessions.serving import Citation, Serving


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose conversation it is: a principal of a tenant."""

    tenant_id: UUID
    principal_id: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What the next turn needs to know of the ones before.

    Attributes:
        focus: what orders' parser asked to have back.
        memory: what the model asked to have back, JSON.
        serving: who serves the guest; None before that was decided.
    """

    focus: Focus = field(default_factory=Focus)
    memory: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    serving: Serving | None = None

    def afresh(self) -> "Dialogue":
        """Nothing said yet, by whoever serves."""
        return Dialogue(serving=self.serving)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation of one principal."""

    session_id: UUID
    owner: Owner
    cart: Cart
    dialogue: Dialogue
    create_time: datetime
    update_time: datetime


class TurnState(IntEnum):
    """Where a turn stands; the numbers of maitred.coordinator.v1.TurnState."""

    RUNNING = 1
    FINISHED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a model took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""

    def plus(self, prompt_tokens: int, completion_tokens: int) -> "Usage":
        """This and that much more, of the same model."""
        return Usage(
            self.prompt_tokens + prompt_tokens,
            self.completion_tokens + completion_tokens,
            self.model,
        )


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order as orders told it. `encoded` is its contract's bytes, kept as they came."""

    order_id: str
    total_minor: int
    currency_code: str
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """A guest's message and what came of it.

    Attributes:
        turn_id: id of the run; keys of its tool calls begin with it.
        ordinal: its place in the conversation, from 1.
        read_back: fingerprint of the cart that `text` reads back; empty where it reads none back.
        decision_id: the decision that chose who served; empty for none.
        agent_id: who served; empty before that was decided.
        citations: what the text rests on, in the order it was used.
        recommendation_ids: what was recommended in the turn.
    """

    turn_id: UUID
    session_id: UUID
    request_id: str
    ordinal: int
    user_text: str
    state: TurnState
    create_time: datetime
    text: str = ""
    cart: Cart = field(default_factory=Cart)
    order: PlacedOrder | None = None
    usage: Usage = field(default_factory=Usage)
    read_back: str = ""
    decision_id: str = ""
    agent_id: str = ""
    citations: tuple[Citation, ...] = ()
    recommendation_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was said in one turn, for the model's eyes."""

    user_text: str
    text: str


@dataclass(frozen=True, slots=True)
class CallKey:
    """The key of a tool call. Which attempt it is never counts."""

    run_id: UUID
    node_id: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.run_id.hex}/{self.node_id}/{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a session, until another takes it with a higher epoch."""

    owner: Owner
    session_id: UUID
    epoch: int


class SessionNotFound(LookupError):
    """No such session, or it is somebody else's."""


class TurnNotFound(LookupError):
    """No such turn in the session."""


class SessionBusy(RuntimeError):
    """Another message of the session is being answered."""


class RequestInProgress(RuntimeError):
    """This very message is being answered."""


class KeyReused(ValueError):
    """The key came before with another text."""


class LeaseLost(RuntimeError):
    """Another process took the session over; nothing more may be written."""
