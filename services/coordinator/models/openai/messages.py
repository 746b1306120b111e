"""A request in the words of the chat-completions API."""

import json
from collections.abc import Sequence
from typing import Any

from services.coordinator.models.port import Message, MessageRole, ToolOffer


def messages_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages; an answer that said nothing and called nothing is left out."""
    return [
        _message(message)
        for message in messages
        if message.role is not MessageRole.ASSISTANT or message.content or message.tool_calls
    ]


def tools_of(offers: Sequence[ToolOffer]) -> list[dict[str, Any]]:
    """The tools that may be called."""
    return [
        {
            "type": "function",
            "function": {
                "name": offer.name,
                "description": offer.description,
                "parameters": dict(offer.parameters),
            },
        }
        for offer in offers
    ]


def _message(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.role is MessageRole.TOOL:
        told["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        told["content"] = message.content or None
        told["tool_calls"] = [
            {
                "id": call.tool_call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _readable(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return told


def _readable(arguments: str) -> str:
    """The arguments, or no arguments: providers refuse a conversation with any they cannot read."""
    try:
        parsed = json.loads(arguments)
    except ValueError:
        return "{}"
    return arguments if isinstance(parsed, dict) else "{}"
