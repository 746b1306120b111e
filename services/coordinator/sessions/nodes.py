"""What the nodes of a workflow do in a turn: `model` converses, `tools` serves it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.models.port import (
    CallDelta,
    ChatModel,
    MemoryDelta,
    Message,
    MessageRole,
    ModelRequest,
    TextDelta,
    ToolRequest,
    UsageDelta,
)
from services.coordinator.sessions.cart import is_alike
from services.coordinator.sessions.ports import Begun, ToolRecord, TurnStore
from services.coordinator.sessions.progress import Checkpoint, Progress
from services.coordinator.sessions.stream import (
    CartChanged,
    Listener,
    ListenerGone,
    OrderPlaced,
    TextSaid,
    ToolCalled,
)
from services.coordinator.sessions.turn import CallKey
from services.coordinator.tools.guard import Consent
from services.coordinator.tools.tool import (
    Effect,
    InvalidArguments,
    Situation,
    Tool,
    ToolResult,
)
from services.coordinator.workflows.engine import Outcome, Position
from services.coordinator.workflows.graph import Node

NODE_LABELS: Mapping[str, frozenset[str]] = {
    "model": frozenset({"answered", "called"}),
    "tools": frozenset({"served", "placed", "refused"}),
}
"""The kinds of nodes, and the labels each can end in."""


@dataclass(frozen=True, slots=True)
class TurnNodes:
    """The nodes of one turn."""

    begun: Begun
    consent: Consent
    system_prompt: str
    model: ChatModel
    tools: Mapping[str, Tool]
    store: TurnStore
    listener: Listener

    async def converse(
        self, node: Node, position: Position, progress: Progress
    ) -> Outcome[Progress]:
        """Streams one completion. Ends in `called` if the model called tools, else `answered`."""
        text, calls = "", list[ToolRequest]()
        dialogue, usage = progress.dialogue, progress.usage
        async with self.listener.heard():
            async for delta in self.model.complete(self._request(node, progress)):
                if self.listener.gone:
                    raise ListenerGone
                match delta:
                    case TextDelta(piece):
                        text += piece
                        await self.listener.say(TextSaid(piece))
                    case CallDelta(call):
                        calls.append(call)
                    case MemoryDelta(memory):
                        dialogue = replace(dialogue, memory=memory)
                    case UsageDelta(prompt_tokens, completion_tokens):
                        usage = usage.plus(prompt_tokens, completion_tokens)
        said = Message(MessageRole.ASSISTANT, text, tuple(calls))
        after = replace(
            progress,
            messages=(*progress.messages, said),
            text=progress.text + text,
            dialogue=dialogue,
            usage=usage,
        )
        return Outcome("called" if calls else "answered", after)

    async def serve(self, node: Node, position: Position, progress: Progress) -> Outcome[Progress]:
        """Answers the pending tool calls in order.

        Ends in `placed` if an order was placed, `refused` if an effect was refused, else `served`.
        """
        label = "served"
        for call in progress.pending_calls():
            before = progress.cart
            result, progress = await self._answer(node, position, progress, call)
            said = ToolCalled(call.tool_call_id, call.name, call.arguments, result.ok)
            await self.listener.say(said)
            if not is_alike(before, result.cart):
                await self.listener.say(CartChanged(result.cart))
            if result.order is not None:
                label = "placed"
                await self.listener.say(OrderPlaced(result.order))
            elif not result.ok and label == "served":
                label = "refused"
        return Outcome(label, progress)

    def _request(self, node: Node, progress: Progress) -> ModelRequest:
        said = [
            message
            for exchange in self.begun.history
            for message in (
                Message(MessageRole.USER, exchange.user_text),
                Message(MessageRole.ASSISTANT, exchange.text),
            )
        ]
        return ModelRequest(
            messages=(
                Message(MessageRole.SYSTEM, self.system_prompt),
                *said,
                Message(MessageRole.USER, self.begun.turn.user_text),
                *progress.messages,
            ),
            tools=tuple(self.tools[name].offer for name in node.tools),
            memory=progress.dialogue.memory,
        )

    async def _answer(
        self, node: Node, position: Position, progress: Progress, call: ToolRequest
    ) -> tuple[ToolResult, Progress]:
        key = CallKey(self.begun.turn.turn_id, node.node_id, progress.calls.get(node.node_id, 0))
        situation = Situation(
            key=key,
            session_id=self.begun.turn.session_id,
            user_text=self.begun.turn.user_text,
            consent=self.consent,
            cart=progress.cart,
            focus=progress.dialogue.focus,
        )
        tool = self.tools.get(call.name) if call.name in node.tools else None
        if tool is None:
            result = _failed(situation, f"no tool {call.name!r} here")
            return result, _after(progress, node, call, result)
        has_effect = tool.effect is not Effect.NONE
        if has_effect:
            record = ToolRecord(key, call.tool_call_id, call.name, call.arguments)
            checkpoint = Checkpoint(position, progress)
            attempt = await self.store.begin_effect(
                self.begun.lease, self.begun.turn, checkpoint, record
            )
            situation = replace(situation, is_retry=attempt > 1)
        result = await _called(tool, call.arguments, situation)
        after = _after(progress, node, call, result)
        if has_effect:
            checkpoint = Checkpoint(position, after)
            await self.store.record_effect(
                self.begun.lease, self.begun.turn, key, result.ok, checkpoint
            )
        return result, after


async def _called(tool: Tool, arguments: str, situation: Situation) -> ToolResult:
    try:
        return await tool.call(_object(arguments), situation)
    except InvalidArguments as problem:
        return _failed(situation, str(problem))


def _object(arguments: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(arguments or "{}")
    except ValueError as error:
        raise InvalidArguments("arguments are not JSON") from error
    if not isinstance(parsed, dict):
        raise InvalidArguments("arguments are not a JSON object")
    return parsed


def _failed(situation: Situation, problem: str) -> ToolResult:
    content = {"ok": False, "problem": "invalid_call", "detail": problem}
    return ToolResult(False, content, situation.cart, situation.focus)


def _after(progress: Progress, node: Node, call: ToolRequest, result: ToolResult) -> Progress:
    answer = Message(
        MessageRole.TOOL,
        json.dumps(result.content, ensure_ascii=False),
        tool_call_id=call.tool_call_id,
        name=call.name,
    )
    return replace(
        progress.answered(node.node_id, answer),
        cart=result.cart,
        dialogue=replace(progress.dialogue, focus=result.focus),
        order=result.order or progress.order,
    )
