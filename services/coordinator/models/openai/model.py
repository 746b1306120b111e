"""A model behind an OpenAI-compatible API, streamed.

It is imported only where such a provider is configured: the package behind it takes a second and
some memory.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from services.coordinator.models.openai.calls import CallAssembly
from services.coordinator.models.openai.messages import messages_of, tools_of
from services.coordinator.models.port import (
    CallDelta,
    Delta,
    ModelRequest,
    ModelUnavailable,
    TextDelta,
    UsageDelta,
)

_ATTEMPTS = 2
_PAUSE_S = 0.3
_CONNECT_S = 5.0
_PASSING = frozenset({408, 409, 429})
# A completion beyond this is no answer to a guest.
_MOST_CALLS = 16
_MOST_CHARACTERS = 32_768

_log = logging.getLogger(__name__)


class _BadCompletion(Exception):
    """What came is not a completion: cut off, empty, or without end."""


# The package raises its own errors; what it cannot parse fails as a ValueError.
_FAULTS = (openai.OpenAIError, _BadCompletion, ValueError)


@dataclass(slots=True)
class _Heard:
    """What has come of a completion so far."""

    calls: CallAssembly
    characters: int = 0
    said: bool = False
    finished: bool = False
    usage: UsageDelta | None = None


class OpenAIModel:
    """One model of one provider.

    Args:
        base_url: where the provider's API is, such as `https://api.example.com/v1`.
        api_key: its key; empty where it asks for none.
        name: the model's name there.
        timeout_s: seconds of silence after which an answer is given up.
    """

    provider = "openai"

    def __init__(self, base_url: str, api_key: str, name: str, timeout_s: float) -> None:
        self.name = name
        self._client = AsyncOpenAI(
            # The package insists on a key, and would look for one in the environment.
            api_key=api_key or "none",
            base_url=base_url,
            timeout=openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            max_retries=0,
        )

    async def close(self) -> None:
        """Closes the connections to the provider."""
        await self._client.close()

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Streams one completion. What fails before anything came is tried once more.

        Raises:
            ModelUnavailable: the provider failed, refused, or told no whole completion.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            heard = False
            try:
                async for delta in self._completion(request):
                    heard = True
                    yield delta
            except _FAULTS as error:
                again = attempt < _ATTEMPTS and not heard and _may_pass(error)
                self._tell(error, again)
                if not again:
                    raise ModelUnavailable(self.provider) from error
            else:
                return
            await asyncio.sleep(_PAUSE_S)

    async def _completion(self, request: ModelRequest) -> AsyncIterator[Delta]:
        heard = _Heard(CallAssembly(_call_ids(request)))
        stream = await self._client.chat.completions.create(
            model=self.name,
            messages=cast("Any", messages_of(request.messages)),
            tools=cast("Any", tools_of(request.tools)) if request.tools else openai.omit,
            stream=True,
            stream_options={"include_usage": True},
        )
        async with stream:
            async for chunk in stream:
                if text := _take(heard, chunk):
                    yield TextDelta(text)
        calls = heard.calls.calls()
        if not heard.finished:
            raise _BadCompletion("cut off")
        if not calls and not heard.said:
            raise _BadCompletion("empty")
        for call in calls:
            yield CallDelta(call)
        if heard.usage is not None:
            yield heard.usage

    def _tell(self, error: Exception, again: bool) -> None:
        # What a provider says may repeat the key or the guest: only kinds and numbers are told.
        told = {
            "provider": self.provider,
            "model": self.name,
            "error": type(error).__name__,
            "problem": str(error) if isinstance(error, _BadCompletion) else "",
            "status": getattr(error, "status_code", 0),
            "again": again,
        }
        _log.warning("model_failed", extra=told)


def _take(heard: _Heard, chunk: ChatCompletionChunk) -> str:
    """Takes a chunk in; the text it brought."""
    if chunk.usage is not None:
        heard.usage = UsageDelta(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
    text = ""
    # The last chunk, with the usage, has no choices.
    for choice in chunk.choices or ():
        heard.finished = heard.finished or choice.finish_reason is not None
        # Promised by the API, forgotten by some of its providers.
        delta = cast("ChoiceDelta | None", choice.delta)
        if delta is None:
            continue
        text += delta.content or delta.refusal or ""
        for piece in delta.tool_calls or ():
            name = arguments = ""
            if piece.function is not None:
                name, arguments = piece.function.name or "", piece.function.arguments or ""
            heard.calls.add(piece.index, piece.id or "", name, arguments)
            heard.characters += len(arguments)
    heard.characters += len(text)
    heard.said = heard.said or bool(text)
    if heard.characters > _MOST_CHARACTERS or len(heard.calls) > _MOST_CALLS:
        raise _BadCompletion("without end")
    return text


def _call_ids(request: ModelRequest) -> list[str]:
    return [call.tool_call_id for message in request.messages for call in message.tool_calls]


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _PASSING or error.status_code >= 500
    # Whoever was silent for that long has taken the guest's patience already.
    return not isinstance(error, openai.APITimeoutError)
