"""The dialogue model behind the port all models are behind."""

import json
from collections.abc import AsyncIterator
from functools import lru_cache

from services.coordinator.models.local.memory import of_document, to_document
from services.coordinator.models.local.policy import Setting, ToolAnswer, next_step
from services.coordinator.models.local.steps import Call
from services.coordinator.models.port import (
    CallDelta,
    Delta,
    MemoryDelta,
    Message,
    MessageRole,
    ModelRequest,
    TextDelta,
    ToolRequest,
    UsageDelta,
)

_MENU = "retrieve_menu"
# As many tenants' as are talked of at a time.
_MOST_MENUS = 32
_WORDS_IN_PIECE = 4


class LocalModel:
    """`maitred-local`: deterministic, in-process, free."""

    name = "maitred-local"
    provider = "maitred"

    def __init__(self) -> None:
        # A menu is told again and again, and takes long to read.
        self._menu = lru_cache(_MOST_MENUS)(_answer)
        self._words_in_menu = lru_cache(_MOST_MENUS)(_words_in)

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Stream one completion: an answer in pieces of some words, or one tool call."""
        text, answers = self._this_turn(request.messages)
        setting = Setting(frozenset(offer.name for offer in request.tools), request.behaviour)
        step = next_step(text, answers, of_document(request.memory), setting)
        read = sum(self._words_in(message) for message in request.messages)
        if isinstance(step, Call):
            arguments = json.dumps(step.arguments, ensure_ascii=False)
            yield CallDelta(ToolRequest(f"call_{len(answers) + 1}", step.name, arguments))
            yield UsageDelta(read, len(arguments.split()))
            return
        words = step.text.split(" ")
        for at in range(0, len(words), _WORDS_IN_PIECE):
            piece = " ".join(words[at : at + _WORDS_IN_PIECE])
            yield TextDelta(piece if at == 0 else f" {piece}")
        yield MemoryDelta(to_document(step.memory))
        yield UsageDelta(read, len(step.text.split()))

    def _this_turn(self, messages: tuple[Message, ...]) -> tuple[str, tuple[ToolAnswer, ...]]:
        last = max(i for i, message in enumerate(messages) if message.role is MessageRole.USER)
        answers = tuple(
            (self._menu if message.name == _MENU else _answer)(message.name, message.content)
            for message in messages[last + 1 :]
            if message.role is MessageRole.TOOL
        )
        return messages[last].content, answers

    def _words_in(self, message: Message) -> int:
        count = self._words_in_menu if message.name == _MENU else _words_in
        return count(message.content)


def _words_in(text: str) -> int:
    return len(text.split())


def _answer(tool: str, content: str) -> ToolAnswer:
    return ToolAnswer(tool, json.loads(content))
