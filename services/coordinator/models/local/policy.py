"""What to do next in a dialogue: a tool to call or something to say.

A pure function of what was said, what tools answered in this turn, and what was asked last. It
reads the cart back whenever something is in it and nothing is in doubt, and asks for an order to
be placed only on an explicit yes to that read-back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.coordinator.models.local import replies
from services.coordinator.models.local.acts import Act, Reading, read_act
from services.coordinator.models.local.answers import answer
from services.coordinator.models.local.views import UpdateView, menu_of, update_of

_POINTING = re.compile(r"\b(?:it|that|one|two|three|those|them|this|these)\b", re.IGNORECASE)


class Asked(StrEnum):
    """What the assistant's previous message asked for."""

    NOTHING = ""
    APPROVAL = "approval"
    CHOICE = "choice"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the model carries from turn to turn.

    ``read_back`` is the last read-back, kept while the cart is as it says; ``placed`` whether
    an order was placed since the guest last ordered something; ``topic`` the question just
    answered.
    """

    asked: Asked = Asked.NOTHING
    read_back: str = ""
    placed: bool = False
    topic: str = ""


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
    reading = read_act(text, memory.asked is Asked.APPROVAL, memory.read_back)
    done = {given.name: given for given in answers}
    if "confirm" in done:
        return _after_confirm(done["confirm"].content, memory)
    if "update_cart" not in done and _needs_update(reading, memory):
        return Call("update_cart", {"text": _in_context(text, memory)})
    if reading.question and "retrieve_menu" not in done:
        return Call("retrieve_menu", {"query": ""})
    said = _answered(reading, done)
    step = _answer(reading, done, said, memory)
    if isinstance(step, Say) and reading.question:
        return Say(step.text, replace(step.memory, topic=reading.question))
    return step


def _answer(
    reading: Reading,
    done: Mapping[str, ToolAnswer],
    said: str,
    memory: Memory,
) -> Step:
    if "update_cart" in done:
        return _after_update(update_of(done["update_cart"].content), reading, said, memory)
    if reading.act is Act.APPROVE and not reading.question:
        return Call("confirm", {})
    return _reply(reading, said, memory)


def _in_context(text: str, memory: Memory) -> str:
    """Put the question before an answer that points at it: "… ? I'll take one"."""
    pointing = _POINTING.search(text) is not None
    return f"{memory.topic}? {text}" if memory.topic and pointing else text


def _needs_update(reading: Reading, memory: Memory) -> bool:
    if reading.act in {Act.SAY, Act.CANCEL}:
        return True
    if reading.act in {Act.APPROVE, Act.ASK}:
        return reading.wishes
    return memory.asked is Asked.CHOICE and reading.act in {Act.FINISH, Act.SHOW_CART}


def _answered(reading: Reading, done: Mapping[str, ToolAnswer]) -> str:
    if not reading.question or "retrieve_menu" not in done:
        return ""
    return answer(reading.question, menu_of(done["retrieve_menu"].content))


def _after_update(update: UpdateView, reading: Reading, said: str, memory: Memory) -> Step:
    if reading.act is Act.CANCEL and update.is_empty:
        text = replies.CANCELLED if update.changed else replies.NOTHING_TO_CANCEL
        return Say(text, Memory(placed=memory.placed))
    troubles = _troubles(update)
    if update.questions:
        question = update.questions[0]
        asked = replies.which(question.phrase, question.names)
        kept = Memory(Asked.CHOICE, "" if update.changed else memory.read_back)
        return Say(_joined(said, troubles, asked), kept)
    if update.is_empty:
        return _with_nothing(update, said, troubles, memory)
    if not update.changed and not troubles and not update.unparsed:
        if reading.act is Act.APPROVE:
            return Call("confirm", {})
        if not said and memory.asked is not Asked.CHANGE:
            said = "" if reading.act is not Act.SAY else replies.OFF_TOPIC_BRIEF
    return _read_back(update.read_back, said, troubles)


def _with_nothing(update: UpdateView, said: str, troubles: str, memory: Memory) -> Step:
    if update.changed:
        return Say(_joined(said, troubles, replies.EMPTY_CART), Memory())
    if troubles:
        return Say(_joined(said, troubles, replies.ASK_FOR_ORDER), Memory(placed=memory.placed))
    if said:
        return Say(said, Memory(placed=memory.placed))
    if update.unparsed:
        return Say(replies.for_which(update.unparsed[0]), Memory(placed=memory.placed))
    text = replies.ALREADY_PLACED if memory.placed else replies.OFF_TOPIC
    return Say(text, Memory(placed=memory.placed))


def _after_confirm(content: Mapping[str, Any], memory: Memory) -> Step:
    if content.get("ok"):
        text = replies.placed(
            str(content["order_id"]), int(content["total_minor"]), str(content["currency_code"])
        )
        return Say(text, Memory(placed=True))
    gone = tuple(map(str, content.get("sold_out", ())))
    trouble = replies.sold_out(replies.join(gone)) if gone else ""
    read_back = str(content.get("read_back", ""))
    if not read_back:
        return Say(_joined(trouble, replies.EMPTY_CART), Memory(placed=memory.placed))
    return _read_back(read_back, "", trouble)


def _reply(reading: Reading, said: str, memory: Memory) -> Step:
    """Answer a message that leaves the cart alone."""
    if reading.act is Act.APPROVE:
        return Call("confirm", {})
    has_cart = bool(memory.read_back)
    match reading.act:
        case Act.REJECT if has_cart:
            return Say(replies.ASK_FOR_CHANGE, Memory(Asked.CHANGE, memory.read_back))
        case Act.HESITATE:
            text = replies.TAKE_YOUR_TIME
        case Act.GREET:
            text = "Hello!" if has_cart else replies.GREETING
        case Act.THANK | Act.REJECT:
            text = replies.THANKS if reading.act is Act.THANK else replies.ASK_FOR_ORDER
        case Act.FINISH | Act.SHOW_CART:
            empty = replies.ALREADY_PLACED if memory.placed else replies.EMPTY_CART
            text = "" if has_cart else empty
        case _:
            text = said
    if has_cart:
        return _read_back(memory.read_back, text, "")
    return Say(text, Memory(placed=memory.placed))


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
