"""The dialogue model behind the port of all models."""

import asyncio
import json

from services.coordinator.models.local.model import LocalModel
from services.coordinator.models.port import (
    CallDelta,
    Delta,
    MemoryDelta,
    Message,
    MessageRole,
    ModelRequest,
    TextDelta,
    UsageDelta,
)

GUEST = Message(MessageRole.USER, "a ramen please")
READ_BACK = "Your order: 1 × Ramen. Is that right? Shall I place the order?"
UPDATED = Message(
    MessageRole.TOOL,
    json.dumps({"cart": {"lines": [{}]}, "changed": True, "read_back": READ_BACK}),
    tool_call_id="call_1",
    name="update_cart",
)


def completed(*messages: Message, memory: dict[str, object] | None = None) -> list[Delta]:
    """All deltas of one completion."""

    async def collect() -> list[Delta]:
        request = ModelRequest(messages, (), memory or {})
        return [delta async for delta in LocalModel().complete(request)]

    return asyncio.run(collect())


def test_a_wish_becomes_one_tool_call_and_usage() -> None:
    call, usage = completed(GUEST)
    assert isinstance(call, CallDelta)
    assert (call.call.name, json.loads(call.call.arguments)) == (
        "update_cart",
        {"text": "a ramen please"},
    )
    assert isinstance(usage, UsageDelta)
    assert usage.prompt_tokens == 3


def test_an_answer_is_streamed_in_pieces_that_make_up_the_read_back() -> None:
    deltas = completed(GUEST, UPDATED)
    pieces = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert len(pieces) > 2
    assert "".join(pieces) == READ_BACK
    assert isinstance(deltas[-1], UsageDelta)


def test_what_was_asked_is_remembered_for_the_next_message() -> None:
    (memory,) = [d.memory for d in completed(GUEST, UPDATED) if isinstance(d, MemoryDelta)]
    yes = Message(MessageRole.USER, "yes")
    call, _ = completed(GUEST, Message(MessageRole.ASSISTANT, READ_BACK), yes, memory=dict(memory))
    assert isinstance(call, CallDelta)
    assert call.call.name == "confirm"
    forgetful, _ = completed(yes)
    assert isinstance(forgetful, CallDelta)
    assert forgetful.call.name == "update_cart"
