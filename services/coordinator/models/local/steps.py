"""The steps a dialogue may take next: a tool to call, or one of the things to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.local import replies
from services.coordinator.models.local.memory import Asked, Few, Memory, Pending
from services.coordinator.models.local.troubles import troubles_of_order
from services.coordinator.models.local.views import Scarce, UpdateView, few_of


@dataclass(frozen=True, slots=True)
class Call:
    """Call a tool with these arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text, and remember."""

    text: str
    memory: Memory


Step = Call | Say


def cancelled(update: UpdateView, memory: Memory) -> Say:
    """Say that the order is given up."""
    placed = replies.cancelling_placed(memory.placed) if memory.placed else ""
    return Say(
        replies.CANCELLED if update.changed else placed or replies.NOTHING_TO_CANCEL, Memory()
    )


def ask_which(pending: Pending, update: UpdateView, said: str) -> Say:
    """Ask which of several things was meant."""
    text = replies.which(pending.phrase, pending.names)
    return Say(joined(said, text), Memory(Asked.CHOICE, update.read_back, pending=pending))


def ask_fewer(scarce: Scarce, read_back: str, said: str) -> Say:
    """Ask whether as many as are left will do; on several lines, what to change."""
    only = replies.only_left(scarce.name, scarce.left)
    if not scarce.one_line:
        return Say(joined(said, only, replies.CHANGE_WHICH), Memory(Asked.CHANGE, read_back))
    few = Few(scarce.name, scarce.left)
    text = joined(said, only, replies.make_it(scarce.left))
    return Say(text, Memory(Asked.FEWER, read_back, few=few))


def with_nothing(update: UpdateView, said: str, troubles: str, memory: Memory) -> Say:
    """Answer words that leave nothing in the cart."""
    if update.changed:
        return Say(joined(said, troubles, replies.EMPTY_CART), Memory())
    if troubles:
        return Say(joined(said, troubles, replies.ASK_FOR_ORDER), Memory())
    if said:
        return Say(said, Memory())
    if update.unparsed:
        return Say(replies.for_which(update.unparsed[0]), Memory())
    return Say(replies.ALREADY_PLACED if memory.placed else replies.OFF_TOPIC, Memory())


def after_confirm(content: Mapping[str, Any], memory: Memory) -> Say:
    """Say what came of confirming the order."""
    if content.get("ok"):
        order_id = str(content["order_id"])
        text = replies.placed(order_id, int(content["total_minor"]), str(content["currency_code"]))
        return Say(text, Memory(placed=replies.short_id(order_id)))
    trouble, few = troubles_of_order(content), few_of(content)
    read_back = str(content.get("read_back", ""))
    if not read_back:
        return Say(joined(trouble, replies.EMPTY_CART), Memory(placed=memory.placed))
    if few:
        return ask_fewer(few[0], read_back, trouble)
    return read_again(read_back, "", trouble)


def read_again(read_back: str, said: str, troubles: str) -> Say:
    """Read the cart back, after what else there is to say."""
    return Say(joined(said, troubles, read_back), Memory(Asked.APPROVAL, read_back))


def joined(*texts: str) -> str:
    """Return those of the texts that say something, as one."""
    return " ".join(text for text in texts if text)
