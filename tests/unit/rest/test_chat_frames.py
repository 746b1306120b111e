"""The end of a streamed answer: one event says how it ended, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from maitred.coordinator.v1 import chat_service_pb2, turn_pb2
from maitred.errors.v1 import error_pb2

from gateway.surfaces.chat import Chat, ChatEvent, events_of
from services.chassis.rpc.errors import unavailable

TOKEN = ChatEvent(token=chat_service_pb2.Token(text="Hello"))
DONE = ChatEvent(done=chat_service_pb2.Done(turn=turn_pb2.Turn(text="Hello")))
BUSY = ChatEvent(error=error_pb2.Error(code=grpc.StatusCode.ABORTED.value[0], message="Busy."))
BUSY.error.info.reason = "SESSION_BUSY"


class Call:
    """A call that answers with these, one a read."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self._answers = iter((*answers, grpc.aio.EOF))

    async def read(self) -> Any:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def frames(first: ChatEvent, *rest: Any) -> list[tuple[str, Any]]:
    """Names and data of the events a client is sent."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        chat = Chat(channel, most_bytes=1)
    sent = [frame async for frame in chat.frames(events_of(Call(rest), first, "req_1"), "req_1")]
    told = []
    for frame in sent:
        name, data = frame.decode().removesuffix("\n\n").split("\n")
        told.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return told


async def test_a_good_answer_ends_with_done() -> None:
    told = await frames(TOKEN, DONE)
    assert [name for name, _ in told] == ["token", "done"]
    assert told[-1][1]["turn"]["text"] == "Hello"


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (BUSY, 409, "SESSION_BUSY"),
        (unavailable("coordinator"), 503, "DEPENDENCY_UNAVAILABLE"),
        (RuntimeError("what nobody shall read"), 500, "INTERNAL"),
        (grpc.aio.EOF, 500, "INTERNAL"),
    ],
    ids=["told", "refused", "unforeseen", "broken off"],
)
async def test_a_bad_answer_ends_with_a_problem(end: Any, status: int, reason: str) -> None:
    told = await frames(TOKEN, end)
    assert [name for name, _ in told] == ["token", "error"]
    problem = told[-1][1]
    assert (problem["status"], problem["reason"], problem["instance"]) == (status, reason, "req_1")
    assert "nobody" not in json.dumps(problem)
