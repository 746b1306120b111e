"""What ParseCart makes of a text: changes to a cart, and everything it would not guess."""

from dataclasses import dataclass
from enum import Enum

from services.orders.carts.operations import Operation

MOST_CANDIDATES = 20
"""The most things a guest is asked to choose among; more cannot be read out."""


class RefusalKind(Enum):
    """Why something asked for was left out."""

    SOLD_OUT = "sold_out"
    NOT_OFFERED = "not_offered"
    NOT_ON_MENU = "not_on_menu"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Focus:
    """What the conversation is about, to resolve "that one" and short answers.

    ``line_id`` is the line last spoken of. When the guest was asked to choose, ``candidate_ids``
    are the products, options or add-ons in question, ``phrase`` the words that were ambiguous
    and ``pending_text`` all that was said of them.
    """

    line_id: str = ""
    candidate_ids: tuple[str, ...] = ()
    phrase: str = ""
    pending_text: str = ""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Characters ``start`` to ``end`` (exclusive) of the text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A phrase that fits several things about equally, likeliest first.

    ``pending_text`` is what was said of it, to be read again once the guest has chosen.
    """

    phrase: str
    candidate_ids: tuple[str, ...]
    pending_text: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something asked for that is not in the operations. ``id`` and ``product_id`` may be empty."""

    kind: RefusalKind
    phrase: str
    id: str = ""
    product_id: str = ""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which a cart has more than the ``remaining`` ones; some are left."""

    product_id: str
    wanted: int
    remaining: int


@dataclass(frozen=True, slots=True)
class ParseResult:
    """The reading of a text.

    ``confidence`` in [0, 1] says how much of what mattered was understood and how surely.
    ``focus`` is what to pass with the guest's next text.
    """

    operations: tuple[Operation, ...]
    unparsed: tuple[TextSpan, ...]
    confidence: float
    ambiguities: tuple[Ambiguity, ...]
    refusals: tuple[Refusal, ...]
    focus: Focus
