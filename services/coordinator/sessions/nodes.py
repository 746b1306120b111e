"""What the nodes of a workflow do in a turn.

`route` settles who serves, `model` converses, `tools` serves it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.agents.profile import Profile, system_prompt
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
from services.coordinator.sessions.serving import (
    MOST_REMEMBERED,
    Recommendation,
    RecommendationKind,
    Serving,
)
from services.coordinator.sessions.stream import (
    CartChanged,
    Cited,
    Listener,
    ListenerGone,
    OrderPlaced,
    TextSaid,
    ToolCalled,
)
from services.coordinator.sessions.telling import Marks, newly_cited, newly_offered, sureness
from services.coordinator.sessions.turn import CallKey
from services.coordinator.tools.guard import Consent
from services.coordinator.tools.suggest import SUGGEST_PRODUCT
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
    "route": frozenset({"ranked", "fallback", "kept"}),
    "model": frozenset({"answered", "called"}),
    "tools": frozenset({"served", "placed", "refused"}),
}
"""The kinds of nodes, and the labels each can end in."""


@dataclass(frozen=True, slots=True)
class Staff:
    """The agents there are, by name; `fallback` stands in for one that is gone."""

    profiles: Mapping[str, Profile]
    fallback: Profile

    def serving(self, progress: Progress) -> Profile:
        """Who serves the guest."""
        serving = progress.dialogue.serving
        return self.fallback if serving is None else self.named(serving.agent_id)

    def named(self, agent_id: str) -> Profile:
        """The agent of that name."""
        return self.profiles.get(agent_id, self.fallback)


@dataclass(frozen=True, slots=True)
class TurnNodes:
    """The nodes of one turn.

    Attributes:
        decide: who is to serve from this turn on.
        new_recommendation: makes ids of recommendations; None where they are not tracked.
    """

    begun: Begun
    consent: Consent
    staff: Staff
    decide: Callable[[Begun], Awaitable[Serving]]
    new_recommendation: Callable[[], str] | None
    model: ChatModel
    tools: Mapping[str, Tool]
    store: TurnStore
    listener: Listener

    async def route(self, node: Node, position: Position, progress: Progress) -> Outcome[Progress]:
        """Settles who serves, unless that is settled: then it ends in `kept`.

        Ends in `ranked` if a decision chose, `fallback` where none was made.
        """
        if progress.dialogue.serving is not None:
            return Outcome("kept", progress)
        serving = await self.decide(self.begun)
        settled = replace(progress, dialogue=replace(progress.dialogue, serving=serving))
        settled = self._recommended(
            settled, RecommendationKind.SERVE, confidence=serving.probability
        )
        return Outcome("ranked" if serving.decision_id else "fallback", settled)

    async def converse(
        self, node: Node, position: Position, progress: Progress
    ) -> Outcome[Progress]:
        """Streams one completion. Ends in `called` if the model called tools, else `answered`."""
        text, shown, calls = "", "", list[ToolRequest]()
        marks = Marks(progress)
        dialogue, usage = progress.dialogue, progress.usage
        async with self.listener.heard():
            async for delta in self.model.complete(self._request(node, progress)):
                if self.listener.gone:
                    raise ListenerGone
                match delta:
                    case TextDelta(piece):
                        text += piece
                        shown += await self._say(marks.told(piece))
                    case CallDelta(call):
                        calls.append(call)
                    case MemoryDelta(memory):
                        dialogue = replace(dialogue, memory=memory)
                    case UsageDelta(prompt_tokens, completion_tokens):
                        usage = usage.plus(prompt_tokens, completion_tokens)
            shown += await self._say(marks.rest())
        said = Message(MessageRole.ASSISTANT, text, tuple(calls))
        after = replace(
            progress,
            messages=(*progress.messages, said),
            text=progress.text + shown,
            dialogue=dialogue,
            usage=usage,
        )
        after = await self._told(after, text)
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

    async def _say(self, text: str) -> str:
        if text:
            await self.listener.say(TextSaid(text))
        return text

    async def _told(self, progress: Progress, text: str) -> Progress:
        """After a completion: with the documents it cites and the products it offers."""
        if passages := newly_cited(progress, text):
            citations = tuple(passage.citation for passage in passages)
            for citation in citations:
                await self.listener.say(Cited(citation))
            progress = replace(progress, citations=(*progress.citations, *citations))
            progress = self._recommended(
                progress, RecommendationKind.ANSWER, confidence=sureness(passages)
            )
        for offer in newly_offered(progress, text):
            progress = _offered(progress, offer.product_id)
            progress = self._recommended(
                progress, RecommendationKind.UPSELL, (offer.product_id,), offer.confidence
            )
        return progress

    def _recommended(
        self,
        progress: Progress,
        kind: RecommendationKind,
        product_ids: tuple[str, ...] = (),
        confidence: float = 1.0,
    ) -> Progress:
        if self.new_recommendation is None:
            return progress
        sure = min(max(confidence, 0.0), 1.0)
        made = Recommendation(self.new_recommendation(), kind, product_ids, sure)
        return progress.recommended(made)

    def _may_call(self, node: Node, progress: Progress) -> tuple[str, ...]:
        """The node's tools, less the one for offers where nothing may be offered any more."""
        serving = progress.dialogue.serving
        offered = len(serving.offered) if serving else 0
        behaviour = self.staff.serving(progress).behaviour
        if behaviour.may_offer(offered) and not progress.suggestions:
            return node.tools
        return tuple(name for name in node.tools if name != SUGGEST_PRODUCT)

    def _request(self, node: Node, progress: Progress) -> ModelRequest:
        said = [
            message
            for exchange in self.begun.history
            for message in (
                Message(MessageRole.USER, exchange.user_text),
                Message(MessageRole.ASSISTANT, exchange.text),
            )
        ]
        profile = self.staff.serving(progress)
        return ModelRequest(
            messages=(
                Message(MessageRole.SYSTEM, system_prompt(profile)),
                *said,
                Message(MessageRole.USER, self.begun.turn.user_text),
                *progress.messages,
            ),
            tools=tuple(self.tools[name].offer for name in self._may_call(node, progress)),
            memory=progress.dialogue.memory,
            behaviour=profile.behaviour,
        )

    async def _answer(
        self, node: Node, position: Position, progress: Progress, call: ToolRequest
    ) -> tuple[ToolResult, Progress]:
        key = CallKey(self.begun.turn.turn_id, node.node_id, progress.calls.get(node.node_id, 0))
        situation = Situation(
            key=key,
            owner=self.begun.lease.owner,
            session_id=self.begun.turn.session_id,
            user_text=self.begun.turn.user_text,
            consent=self.consent,
            cart=progress.cart,
            focus=progress.dialogue.focus,
            serving=progress.dialogue.serving,
            passages=len(progress.passages),
        )
        may_call = call.name in self._may_call(node, progress)
        tool = self.tools.get(call.name) if may_call else None
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
        result.content_json or json.dumps(result.content, ensure_ascii=False),
        tool_call_id=call.tool_call_id,
        name=call.name,
    )
    return replace(
        progress.answered(node.node_id, answer),
        cart=result.cart,
        dialogue=replace(progress.dialogue, focus=result.focus),
        order=result.order or progress.order,
        passages=(*progress.passages, *result.passages),
        suggestions=progress.suggestions
        if result.suggestion is None
        else (*progress.suggestions, result.suggestion),
    )


def _offered(progress: Progress, product_id: str) -> Progress:
    serving = progress.dialogue.serving
    if serving is None:
        return progress
    offered = (*serving.offered, product_id)[-MOST_REMEMBERED:]
    return replace(
        progress, dialogue=replace(progress.dialogue, serving=replace(serving, offered=offered))
    )
