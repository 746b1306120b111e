"""The port every model is behind: messages, tools and memory in; a stream of deltas out.

It has the shape of a chat-completions API, so a hosted model is an adapter away.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from services.coordinator.agents.profile import Behaviour

Json = Any
"""A value of JSON: None, bool, int, float, str, list or dict of them."""


class MessageRole(StrEnum):
    """Whose message it is."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of a tool the model asks for; `arguments` is a JSON object as text."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    `tool_calls` is for assistant messages; `tool_call_id` and `name` for tool messages, whose
    `content` is a JSON object.
    """

    role: MessageRole
    content: str
    tool_calls: tuple[ToolRequest, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool the model may call; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One completion to make.

    Attributes:
        messages: oldest first, ending with the guest's message or with tools' answers.
        tools: what may be called.
        memory: what the model asked to remember in this conversation, JSON; empty at first.
        behaviour: how to serve, for a model that needs no words to be told.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...]
    memory: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    behaviour: Behaviour = field(default_factory=Behaviour)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, to be appended."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A whole tool call, its arguments assembled."""

    call: ToolRequest


@dataclass(frozen=True, slots=True)
class MemoryDelta:
    """What to remember from now on, in place of what was."""

    memory: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """What the completion took, in tokens; the last delta of a good stream."""

    prompt_tokens: int
    completion_tokens: int


class ModelUnavailable(RuntimeError):
    """The model of `provider` gave no whole answer, and was asked often enough."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.provider = provider


Delta = TextDelta | CallDelta | MemoryDelta | UsageDelta


class ChatModel(Protocol):
    """A model that completes conversations."""

    @property
    def name(self) -> str:
        """Its name in usage and telemetry."""
        ...

    @property
    def provider(self) -> str:
        """Who runs it, as telemetry's gen_ai.provider.name."""
        ...

    def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Streams the completion. It ends after text or after tool calls, whichever is asked.

        Raises ModelUnavailable, also after some of it was told.
        """
        ...
