"""What a tool is: a specification for the model, and a call on the state of a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.coordinator.models.port import ToolOffer
from services.coordinator.sessions.cart import Cart, Focus
from services.coordinator.sessions.serving import Passage, Serving, Suggestion
from services.coordinator.sessions.turn import CallKey, Owner, PlacedOrder
from services.coordinator.tools.guard import Consent


class Effect(StrEnum):
    """What a call leaves behind outside of the conversation, and so how a lost one is repeated."""

    NONE = "none"
    IDEMPOTENT = "idempotent"


class InvalidArguments(ValueError):
    """The model called the tool with arguments it does not take."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a call finds: the turn it belongs to and the state it may change.

    Attributes:
        serving: who serves; None before that was decided.
        passages: how many passages of documents the turn has found before.
        is_retry: whether a call of this key began before and nobody knows how it ended.
    """

    key: CallKey
    owner: Owner
    session_id: UUID
    user_text: str
    consent: Consent
    cart: Cart
    focus: Focus
    serving: Serving | None = None
    passages: int = 0
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call came to: the answer for the model, JSON, and the state after it.

    `passages` are those the answer numbers, `suggestion` what it says may be offered.
    `content_json` is the answer written, where somebody has written it already.
    """

    ok: bool
    content: Mapping[str, Any]
    cart: Cart
    focus: Focus
    order: PlacedOrder | None = None
    passages: tuple[Passage, ...] = ()
    suggestion: Suggestion | None = None
    content_json: str = ""


class Tool(Protocol):
    """Something a model may do."""

    @property
    def offer(self) -> ToolOffer:
        """How it is told to the model."""
        ...

    @property
    def effect(self) -> Effect:
        """What it leaves behind."""
        ...

    async def call(self, arguments: Mapping[str, Any], situation: Situation) -> ToolResult:
        """Does it. Raises InvalidArguments, and what orders' transport raises."""
        ...


def text_argument(arguments: Mapping[str, Any], name: str) -> str:
    """A text argument. Raises InvalidArguments if it is missing or no text."""
    value = arguments.get(name)
    if not isinstance(value, str):
        raise InvalidArguments(f"{name} must be a string")
    return value
