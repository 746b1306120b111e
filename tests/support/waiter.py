"""How a reasonable language model serves: a policy for a scripted provider.

It passes the guest's words on, repeats the read-back as it stands and confirms upon a yes, as the
system prompt says; whether it was one is the guard's business.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.provider import Completion

_YES = re.compile(
    r"\b(y|yes|yeah|yep|yup|sure|ok|okay|right|correct|perfect|great|good|fine|exactly|thanks|"
    r"go ahead|place (it|the order)|that'?s (it|all)|all set)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"^\s*(no|nope|not|wait|actually|cancel)\b", re.IGNORECASE)
_ASKING = re.compile(r"^\s*(what|how|which|who|where|when|is|are|do|does|tell)\b", re.IGNORECASE)
_ONLY_NO = re.compile(r"^\s*(no|nope)\W*$", re.IGNORECASE)
_ASKED_BACK = "Shall I place the order?"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a request is about: the guest's words, what was said before, what tools answered."""

    words: str
    before: str
    answers: Mapping[str, Mapping[str, Any]]
    answered: int


def turn_of(body: Mapping[str, Any]) -> Turn:
    """The turn a request belongs to."""
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    last = max(at for at, message in enumerate(messages) if message["role"] == "user")
    said = [one["content"] or "" for one in messages[:last] if one["role"] == "assistant"]
    names = {
        call["id"]: call["function"]["name"]
        for message in messages[last:]
        for call in message.get("tool_calls", ())
    }
    answers = [message for message in messages[last:] if message["role"] == "tool"]
    return Turn(
        words=messages[last]["content"],
        before=said[-1] if said else "",
        answers={names[one["tool_call_id"]]: json.loads(one["content"]) for one in answers},
        answered=len(answers),
    )


def call(tool: str, **arguments: str) -> Completion:
    """A completion that calls a tool."""
    return Completion(calls=((tool, json.dumps(arguments)),))


def serve(body: Mapping[str, Any]) -> Completion:
    """The next completion of a model that does as it is told."""
    turn = turn_of(body)
    if "confirm" in turn.answers:
        return _after_confirm(turn)
    if "update_cart" in turn.answers:
        return Completion(_after_update(turn.answers["update_cart"]))
    if "retrieve_menu" in turn.answers:
        names = [product["name"] for product in turn.answers["retrieve_menu"]["products"][:5]]
        return Completion(f"We have {', '.join(names)} and more. {_read_back_in(turn.before)}")
    return _at_first(turn)


def _at_first(turn: Turn) -> Completion:
    if _ASKED_BACK in turn.before and _ONLY_NO.match(turn.words):
        return Completion("No problem. What should I change?")
    if _ASKED_BACK in turn.before and _YES.search(turn.words) and not _NO.match(turn.words):
        return call("confirm")
    if _ASKING.match(turn.words):
        return call("retrieve_menu", query="")
    return call("update_cart", text=turn.words)


def _after_confirm(turn: Turn) -> Completion:
    confirmed = turn.answers["confirm"]
    if confirmed["ok"]:
        return Completion(f"Thank you! Your order number is {confirmed['order_id'][-6:].upper()}.")
    if "update_cart" in turn.answers:
        return Completion(_after_update(turn.answers["update_cart"]))
    if confirmed["problem"] == "not_approved":
        return call("update_cart", text=turn.words)
    return Completion(confirmed["read_back"] or "Your order is empty so far. What can I get you?")


def _after_update(update: Mapping[str, Any]) -> str:
    refused = [f"Sorry, no {one['phrase']}." for one in update["refusals"]]
    for unclear in update["ambiguities"]:
        names = " or ".join(unclear["candidate_names"])
        return " ".join([*refused, f"Which {unclear['phrase']} would you like: {names}?"])
    return " ".join([*refused, update["read_back"] or "What can I get you?"])


def _read_back_in(text: str) -> str:
    return text[text.index("Your order:") :] if _ASKED_BACK in text else ""
