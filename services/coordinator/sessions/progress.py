"""How far a turn has come: all that another process needs to go on with it."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from services.coordinator.models.port import Message, MessageRole, ToolRequest
from services.coordinator.sessions import cart as carts
from services.coordinator.sessions.cart import Cart
from services.coordinator.sessions.serving import (
    MOST_REMEMBERED,
    Citation,
    Passage,
    Recommendation,
    RecommendationKind,
    Serving,
    Suggestion,
)
from services.coordinator.sessions.turn import Dialogue, PlacedOrder, Usage
from services.coordinator.workflows.engine import Position


@dataclass(frozen=True, slots=True)
class Progress:
    """A turn on its way.

    Attributes:
        messages: of this turn, after the guest's: the model's and the tools'.
        text: what has been answered so far.
        calls: tool calls answered so far, by node.
        passages: what searches found; `[1]` in the text points at the first.
        suggestions: what may be offered.
        citations: what the text rests on so far, in the order it was used.
        recommendations: what was recommended so far.
    """

    cart: Cart
    dialogue: Dialogue
    usage: Usage
    messages: tuple[Message, ...] = ()
    text: str = ""
    order: PlacedOrder | None = None
    calls: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    passages: tuple[Passage, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    citations: tuple[Citation, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()

    def recommended(self, recommendation: Recommendation) -> "Progress":
        """With one more recommendation, remembered by whoever serves."""
        serving = self.dialogue.serving
        if serving is not None:
            ids = (*serving.recommendation_ids, recommendation.recommendation_id)
            serving = replace(serving, recommendation_ids=ids[-MOST_REMEMBERED:])
        return replace(
            self,
            dialogue=replace(self.dialogue, serving=serving),
            recommendations=(*self.recommendations, recommendation),
        )

    def pending_calls(self) -> tuple[ToolRequest, ...]:
        """The tool calls the model asked for that have no answer yet, in order."""
        answered = {message.tool_call_id for message in self.messages}
        return tuple(
            call
            for message in self.messages
            for call in message.tool_calls
            if call.tool_call_id not in answered
        )

    def answered(self, node_id: str, answer: Message) -> "Progress":
        """With one more tool call answered at the node."""
        return replace(
            self,
            messages=(*self.messages, answer),
            calls={**self.calls, node_id: self.calls.get(node_id, 0) + 1},
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A position in the workflow and the progress made when it was reached."""

    position: Position
    progress: Progress


def checkpoint_to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint as JSON; `checkpoint_from_json` reads it back."""
    progress = checkpoint.progress
    return {
        "position": asdict(checkpoint.position),
        "cart": carts.to_json(progress.cart),
        "dialogue": dialogue_to_json(progress.dialogue),
        "usage": asdict(progress.usage),
        "messages": [asdict(message) for message in progress.messages],
        "text": progress.text,
        "order": order_to_json(progress.order),
        "calls": dict(progress.calls),
        "passages": [asdict(passage) for passage in progress.passages],
        "suggestions": [asdict(suggestion) for suggestion in progress.suggestions],
        "citations": [asdict(citation) for citation in progress.citations],
        "recommendations": [asdict(one) for one in progress.recommendations],
    }


def checkpoint_from_json(document: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint that `checkpoint_to_json` wrote."""
    return Checkpoint(
        Position(**document["position"]),
        Progress(
            cart=carts.from_json(document["cart"]),
            dialogue=dialogue_from_json(document["dialogue"]),
            usage=Usage(**document["usage"]),
            messages=tuple(_message(message) for message in document["messages"]),
            text=document["text"],
            order=order_from_json(document["order"]),
            calls=document["calls"],
            # Written since the second release of checkpoints.
            passages=tuple(_passage(one) for one in document.get("passages", ())),
            suggestions=tuple(Suggestion(**one) for one in document.get("suggestions", ())),
            citations=tuple(citation_of(one) for one in document.get("citations", ())),
            recommendations=tuple(
                _recommendation(one) for one in document.get("recommendations", ())
            ),
        ),
    )


def dialogue_to_json(dialogue: Dialogue) -> dict[str, Any]:
    """The dialogue as JSON."""
    serving = dialogue.serving
    return {
        "focus": carts.focus_to_json(dialogue.focus),
        "memory": dict(dialogue.memory),
        "serving": None if serving is None else _serving_to_json(serving),
    }


def dialogue_from_json(document: Mapping[str, Any]) -> Dialogue:
    """The dialogue that `dialogue_to_json` wrote; an empty one of an empty document."""
    if not document:
        return Dialogue()
    serving = document.get("serving")
    return Dialogue(
        carts.focus_from_json(document["focus"]),
        document["memory"],
        None if serving is None else _serving(serving),
    )


def citation_of(document: Mapping[str, Any]) -> Citation:
    """The citation that `asdict` wrote."""
    return Citation(**{**document, "headings": tuple(document["headings"])})


def order_to_json(order: PlacedOrder | None) -> dict[str, Any] | None:
    """The order as JSON."""
    if order is None:
        return None
    return {**asdict(order), "encoded": base64.b64encode(order.encoded).decode()}


def order_from_json(document: Mapping[str, Any] | None) -> PlacedOrder | None:
    """The order that `order_to_json` wrote."""
    if document is None:
        return None
    return PlacedOrder(**{**document, "encoded": base64.b64decode(document["encoded"])})


def _message(document: Mapping[str, Any]) -> Message:
    return Message(
        **{
            **document,
            "role": MessageRole(document["role"]),
            "tool_calls": tuple(ToolRequest(**call) for call in document["tool_calls"]),
        }
    )


def _serving_to_json(serving: Serving) -> dict[str, Any]:
    return {
        "agent_id": serving.agent_id,
        "decision_id": serving.decision_id,
        "probability": serving.probability,
        "probes": dict(serving.probes),
        "offered": list(serving.offered),
        "recommendation_ids": list(serving.recommendation_ids),
    }


def _serving(document: Mapping[str, Any]) -> Serving:
    return Serving(
        **{
            **document,
            "offered": tuple(document["offered"]),
            "recommendation_ids": tuple(document["recommendation_ids"]),
        }
    )


def _passage(document: Mapping[str, Any]) -> Passage:
    return Passage(**{**document, "citation": citation_of(document["citation"])})


def _recommendation(document: Mapping[str, Any]) -> Recommendation:
    return Recommendation(
        document["recommendation_id"],
        RecommendationKind(document["kind"]),
        tuple(document["product_ids"]),
        document["confidence"],
    )
