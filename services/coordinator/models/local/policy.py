"""What to do next in a dialogue: a tool to call or something to say.

A pure function of what was said, what tools answered in this turn, and what was asked last. It
reads the cart back whenever something is in it and nothing is in doubt, and asks for an order to
be placed only on an explicit yes to that read-back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.coordinator.models.local import replies
from services.coordinator.models.local.acts import Act, Reading, read_act
from services.coordinator.models.local.answers import Answer, answer
from services.coordinator.models.local.memory import Asked, Memory, Pending
from services.coordinator.models.local.views import UpdateView, menu_of, update_of

_POINTING = re.compile(r"\b(?:it|that|one|two|three|those|them|this|these)\b", re.IGNORECASE)
_OF_IT = re.compile(
    r"\b(?:(?:of )?(?:those|these|them)|that one|this one|it|(?<!of )that)\b(?! is\b|'s\b)",
    re.IGNORECASE,
)
_BARE_COUNT = re.compile(
    r"\b(one|two|three|four|five|six|a couple|\d+)"
    r"(?=(?:[,.! ]*(?:please|then|thanks|too))*[.! ]*$)",
    re.IGNORECASE,
)
_ORDINALS = (
    re.compile(r"\b(?:first|1st|former)\b"),
    re.compile(r"\b(?:second|2nd)\b(?! thought)"),
    re.compile(r"\b(?:third|3rd)\b"),
)
_LAST = re.compile(r"\b(?:last|latter) one\b|^(?:the )?(?:last|latter)$")


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool called in this turn answered."""

    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Call a tool with these arguments."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text, and remember."""

    text: str
    memory: Memory


Step = Call | Say


def next_step(text: str, answers: Sequence[ToolAnswer], memory: Memory) -> Step:
    """Return the next step for a guest's text, given the tools' answers of this turn so far."""
    reading = _in_talk(read_act(text, memory.asked is Asked.APPROVAL, memory.read_back), memory)
    done = {given.name: given.content for given in answers}
    if "confirm" in done:
        return _after_confirm(done["confirm"], memory)
    if "update_cart" not in done and _needs_update(reading, memory):
        return Call("update_cart", {"text": _in_context(text, memory)})
    if reading.question and "retrieve_menu" not in done:
        return Call("retrieve_menu", {"query": ""})
    if reading.act is Act.APPROVE:
        return Call("confirm", {})
    update = update_of(done["update_cart"]) if "update_cart" in done else None
    subject = (update.spoken_of if update and update.changed else "") or memory.subject
    told = Answer("")
    if reading.question:
        told = answer(reading.question, menu_of(done["retrieve_menu"]), subject)
    step = (
        _after_update(update, reading, told.text, memory)
        if update
        else _reply(reading, told.text, memory)
    )
    known = replace(
        step.memory,
        topic=reading.question,
        offered=told.named,
        subject=told.named or subject,
        placed=step.memory.placed or memory.placed,
    )
    return Say(step.text, known)


def _in_talk(reading: Reading, memory: Memory) -> Reading:
    """Take "how much is it?" to be about the product just talked of, else about the cart."""
    if reading.act is Act.SHOW_CART and memory.offered and _POINTING.search(reading.said):
        return Reading(Act.ASK, False, reading.said, reading.said)
    return reading


def _in_context(text: str, memory: Memory) -> str:
    """Say what an answer points at: "two of those", "I'll take it", "the first one"."""
    if memory.pending.names:
        return _with_choice(text, memory.pending)
    if memory.offered:
        named, count = _OF_IT.subn(f" {memory.offered}", text, count=1)
        if count:
            return " ".join(named.split())
        return _BARE_COUNT.sub(rf"\1 {memory.offered}", text, count=1)
    pointing = _POINTING.search(text) is not None
    return f"{memory.topic}? {text}" if memory.topic and pointing else text


def _with_choice(text: str, pending: Pending) -> str:
    """The choice by its name where it was told by its place: "the second one"."""
    said = text.lower()
    if _LAST.search(said):
        return pending.names[-1]
    placed = zip(pending.names, _ORDINALS, strict=False)
    return next((name for name, place in placed if place.search(said)), text)


def _needs_update(reading: Reading, memory: Memory) -> bool:
    if reading.act in {Act.SAY, Act.CANCEL}:
        return True
    if reading.act is Act.ASK:
        return reading.wishes
    return memory.asked is Asked.CHOICE and reading.act in {Act.FINISH, Act.SHOW_CART}


def _after_update(update: UpdateView, reading: Reading, said: str, memory: Memory) -> Say:
    if reading.act is Act.CANCEL and update.is_empty:
        return _cancelled(update, memory)
    troubles = _troubles(update)
    if update.questions:
        asked = update.questions[0]
        return _ask_which(Pending(asked.phrase, asked.names), update, _joined(said, troubles))
    if memory.pending.names and not update.changed and not troubles:
        return _ask_which(memory.pending, update, said)
    if update.is_empty:
        return _with_nothing(update, said, troubles, memory)
    is_idle = not update.changed and not troubles and not update.unparsed
    if is_idle and not said and memory.asked is not Asked.CHANGE and reading.act is Act.SAY:
        said = replies.OFF_TOPIC_BRIEF
    return _read_back(update.read_back, said, troubles)


def _cancelled(update: UpdateView, memory: Memory) -> Say:
    if update.changed:
        return Say(replies.CANCELLED, Memory())
    if memory.placed:
        return Say(replies.cancelling_placed(memory.placed), Memory())
    return Say(replies.NOTHING_TO_CANCEL, Memory())


def _ask_which(pending: Pending, update: UpdateView, said: str) -> Say:
    text = replies.which(pending.phrase, pending.names)
    return Say(_joined(said, text), Memory(Asked.CHOICE, update.read_back, pending=pending))


def _with_nothing(update: UpdateView, said: str, troubles: str, memory: Memory) -> Say:
    if update.changed:
        return Say(_joined(said, troubles, replies.EMPTY_CART), Memory())
    if troubles:
        return Say(_joined(said, troubles, replies.ASK_FOR_ORDER), Memory())
    if said:
        return Say(said, Memory())
    if update.unparsed:
        return Say(replies.for_which(update.unparsed[0]), Memory())
    return Say(replies.ALREADY_PLACED if memory.placed else replies.OFF_TOPIC, Memory())


def _after_confirm(content: Mapping[str, Any], memory: Memory) -> Say:
    if content.get("ok"):
        order_id = str(content["order_id"])
        text = replies.placed(order_id, int(content["total_minor"]), str(content["currency_code"]))
        return Say(text, Memory(placed=replies.short_id(order_id)))
    gone = tuple(map(str, content.get("sold_out", ())))
    trouble = replies.sold_out(replies.join(gone)) if gone else ""
    read_back = str(content.get("read_back", ""))
    if not read_back:
        return Say(_joined(trouble, replies.EMPTY_CART), Memory(placed=memory.placed))
    return _read_back(read_back, "", trouble)


def _reply(reading: Reading, said: str, memory: Memory) -> Say:
    """Answer a message that leaves the cart alone."""
    has_cart = bool(memory.read_back)
    is_choosing = bool(memory.pending.names)
    match reading.act:
        case Act.REJECT if has_cart and not is_choosing:
            return Say(replies.ASK_FOR_CHANGE, Memory(Asked.CHANGE, memory.read_back))
        case Act.HESITATE:
            text = replies.TAKE_YOUR_TIME
        case Act.GREET:
            text = "Hello!" if has_cart else replies.GREETING
        case Act.THANK:
            text = replies.THANKS
        case Act.REJECT:
            text = "" if has_cart else replies.ASK_FOR_ORDER
        case Act.FINISH | Act.SHOW_CART:
            empty = replies.ALREADY_PLACED if memory.placed else replies.EMPTY_CART
            text = "" if has_cart else empty
        case _:
            text = said
    if is_choosing and reading.act is not Act.REJECT:
        which = replies.which(memory.pending.phrase, memory.pending.names)
        return Say(_joined(text, which), memory)
    if has_cart:
        return _read_back(memory.read_back, text, "")
    return Say(text, Memory())


def _read_back(read_back: str, said: str, troubles: str) -> Say:
    return Say(_joined(said, troubles, read_back), Memory(Asked.APPROVAL, read_back))


def _troubles(update: UpdateView) -> str:
    told = []
    if update.was_reset:
        told.append("Our menu has changed, so I had to start your order afresh.")
    for refused in update.refusals:
        match refused.kind:
            case "sold_out":
                told.append(replies.sold_out(refused.phrase))
            case "not_offered":
                told.append(replies.not_offered(refused.phrase, refused.product_name))
            case "too_many":
                told.append(replies.too_many(refused.phrase))
            case _:
                told.append(replies.not_on_menu(refused.phrase))
    return " ".join(dict.fromkeys(told))


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)
