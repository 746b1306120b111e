"""What the dialogue model carries from turn to turn, and how it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Asked(StrEnum):
    """What the assistant's previous message asked for."""

    NOTHING = ""
    APPROVAL = "approval"
    CHOICE = "choice"
    CHANGE = "change"
    FEWER = "fewer"


@dataclass(frozen=True, slots=True)
class Pending:
    """A question which of several things was meant: the words, and the names to choose from."""

    phrase: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Few:
    """A product of which fewer are left than the cart has; an empty name for none."""

    name: str = ""
    left: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What the model knows of the dialogue so far.

    ``read_back`` is the last read-back, kept while the cart is as it says; ``placed`` the short
    number of the order placed last; ``topic`` the question just answered and ``offered`` the one
    product it named; ``subject`` the product spoken of last; ``suggested`` the product offered
    beside the order; ``codes`` wait for something to be used on; ``pending`` what is to be chosen;
    ``few`` what the guest is asked to have fewer of.
    """

    asked: Asked = Asked.NOTHING
    read_back: str = ""
    placed: str = ""
    topic: str = ""
    offered: str = ""
    subject: str = ""
    pending: Pending = field(default_factory=Pending)
    suggested: str = ""
    codes: tuple[str, ...] = ()
    few: Few = field(default_factory=Few)


def to_document(memory: Memory) -> dict[str, Any]:
    """Return the memory as JSON."""
    return {
        "asked": str(memory.asked),
        "read_back": memory.read_back,
        "placed": memory.placed,
        "topic": memory.topic,
        "offered": memory.offered,
        "subject": memory.subject,
        "suggested": memory.suggested,
        "codes": list(memory.codes),
        "pending": {
            "phrase": memory.pending.phrase,
            "names": list(memory.pending.names),
        },
        "few": {"name": memory.few.name, "left": memory.few.left},
    }


def of_document(document: Mapping[str, Any]) -> Memory:
    """Return the memory stored as JSON; what is missing is forgotten."""
    pending: Mapping[str, Any] = document.get("pending") or {}
    few: Mapping[str, Any] = document.get("few") or {}
    return Memory(
        Asked(str(document.get("asked", ""))),
        str(document.get("read_back", "")),
        str(document.get("placed") or ""),
        str(document.get("topic", "")),
        str(document.get("offered", "")),
        str(document.get("subject", "")),
        Pending(
            str(pending.get("phrase", "")),
            tuple(map(str, pending.get("names", ()))),
        ),
        str(document.get("suggested", "")),
        tuple(map(str, document.get("codes", ()))),
        Few(str(few.get("name", "")), int(few.get("left", 0))),
    )
