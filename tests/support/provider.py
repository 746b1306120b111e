"""A provider of language models: a local server that speaks the chat-completions protocol.

Answers come from a policy instead of a network. The protocol is the real one — chunks with one id,
tool calls in pieces, the usage in a last chunk without choices, `[DONE]` — and a conversation that
a real provider would refuse, such as an unanswered tool call, is refused here too.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

API_KEY = "sk-test-0123456789"
MODEL = "scripted-1"
_PIECE = 7
_STARTED_S = 60.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model answers.

    Attributes:
        text: its words.
        calls: tools it calls, as (name, arguments).
        status: another one than 200 refuses.
        counts: whether the usage is told.
        cut_after: chunks after which the connection breaks.
        pause_s: seconds before each chunk.
        finish_reason: empty for what the API would say.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    status: int = 200
    counts: bool = True
    cut_after: int | None = None
    pause_s: float = 0.0
    finish_reason: str = ""


Policy = Callable[[Mapping[str, Any]], Completion]
"""The completion of a request's body."""


@dataclass(slots=True)
class Provider:
    """A running provider, and what it was asked. `policy` may be changed at any time."""

    policy: Policy
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    abandoned: int = 0

    async def complete(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return _error(401, f"Incorrect API key provided: {request.headers['authorization']}")
        body = await request.json()
        self.requests.append(body)
        if problem := next(_problems(body), ""):
            self.problems.append(problem)
            return _error(400, problem)
        completion = self.policy(body)
        if completion.status != 200:
            return _error(completion.status, "The server had an error.")
        return StreamingResponse(self._frames(body, completion), media_type="text/event-stream")

    async def _frames(self, body: Mapping[str, Any], completion: Completion) -> AsyncIterator[str]:
        try:
            for at, chunk in enumerate(_chunks(body, completion)):
                if at == completion.cut_after:
                    raise ConnectionResetError
                await asyncio.sleep(completion.pause_s)
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"
        except (asyncio.CancelledError, GeneratorExit):
            self.abandoned += 1
            raise


@contextmanager
def running_provider(policy: Policy) -> Iterator[Provider]:
    """A provider in a thread of its own, at a port of its own."""
    provider = Provider(policy)
    routes = [Route("/v1/chat/completions", provider.complete, methods=["POST"])]
    config = uvicorn.Config(
        Starlette(routes=routes), host="127.0.0.1", port=0, log_level="critical", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _STARTED_S
    while not server.started:
        assert time.monotonic() < deadline, "the provider did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield provider
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(_STARTED_S)


def _chunks(body: Mapping[str, Any], completion: Completion) -> Iterator[dict[str, Any]]:
    shared = {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body["model"],
    }

    def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**shared, "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": "" if completion.text else None})
    for piece in _pieces(completion.text):
        yield chunk({"content": piece})
    for index, (name, arguments) in enumerate(completion.calls):
        begun = {
            "index": index,
            "id": f"call_{uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        yield chunk({"tool_calls": [begun]})
        for piece in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    reason = "tool_calls" if completion.calls else "stop"
    yield chunk({}, completion.finish_reason or reason)
    if completion.counts:
        read = sum(len(str(message["content"]).split()) for message in body["messages"])
        said = len(completion.text.split()) + sum(len(text) for _, text in completion.calls)
        usage = {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}
        yield {**shared, "choices": [], "usage": usage}


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), _PIECE):
        yield text[at : at + _PIECE]


def _problems(body: Mapping[str, Any]) -> Iterator[str]:
    """Why a provider would refuse the request."""
    if body.get("stream") is not True or body.get("stream_options") != {"include_usage": True}:
        yield "only streams with usage are served"
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    if len({call["id"] for call in calls}) < len(calls):
        yield "ids of tool calls must differ"
    if not all(_is_object(call["function"]["arguments"]) for call in calls):
        yield "arguments must be a JSON object"
    yield from _unanswered(body["messages"])


def _unanswered(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield "a tool message must answer a tool call before it"
            waiting = [one for one in waiting if one != message["tool_call_id"]]
            continue
        if waiting:
            yield "every tool call must be answered before the next message"
        waiting = [call["id"] for call in message.get("tool_calls", ())]
        if not message["content"] and not waiting:
            yield f"an empty message of {message['role']}"
    if waiting:
        yield "every tool call must be answered"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _error(status: int, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": error}, status)
