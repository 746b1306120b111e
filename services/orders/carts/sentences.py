"""Clauses of a text, and what kind of thing each one says."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from services.orders.carts.english import CORRECTIVE, DEFINITE, MULTIPLIERS
from services.orders.carts.tokens import Token

_OPENERS = frozenset(
    """
    add remove make change switch swap replace cancel drop can could may i we let also take hold
    delete get give do does did is are what how actually instead please put leave skip which where
    """.split()
)
_JOINTS = frozenset({"and", "but", ",", "then", "–", "—", "-", "so"})
_GREETING = (
    r"(?:(?:hi|hello|hey|good|morning|afternoon|evening|day|there|ok|okay|so|oh|um|uh|well|"
    r"excuse|me|please|sorry|and|but|also|yes|no|yeah|thank|thanks|you|great|actually|wait|"
    r"what is up) )*"
)
_ORDERING = re.compile(
    r"\b(?:(?:can|could|may|might|shall) (?:i|we|you)(?: please| also| just| maybe| possibly)* "
    r"(?:get|have|order|try|grab|add|make|do|take|buy|bring|please|change|switch|remove|swap|"
    r"replace|put|give|cancel|use|fix|set|i get|i have|drop|turn)\b"
    r"|is it possible|would it be possible|is there any way|would you mind|do you mind|why do not|"
    r"how about|what about)"
)
_ASKING = re.compile(
    "^"
    + _GREETING
    + r"(?:(?:do|does|did) (?:you|they|it|the|your|this|that|any|u)\b|what\b|which\b|"
    r"how (?:much|many|big|long|large|is|are|do|does|hot|spicy|sweet|strong|late)\b|how\b.*\?$|"
    r"when\b|where\b|who\b|why\b|is (?:there|it|this|that|the|your)\b|"
    r"are (?:there|you|your|they|the|any)\b|have you\b|has the\b|any\b.*\?$|"
    r"(?:can|could|would|will) you (?:please )?"
    r"(?:tell|explain|describe|recommend|suggest|show|list|read)\b|"
    r"(?:can|could|may) i (?:ask|see|know|look)\b|tell me\b|show me\b|list\b|"
    r"(?:i am |i )?(?:just )?(?:wonder|wondering|curious)\b|"
    r"i (?:want|would like|need|would love|wanted) to (?:know|ask|see|hear|find out)\b|"
    r"i (?:have|had|got) (?:a|1|another) question\b|"
    r"(?:does|will) (?:it|that|this|the|they|these)\b|can (?:i|you) (?:get|have) (?:a|the) menu\b|"
    r"(?:can|could) (?:i|you) (?:eat|pay)\b|"
    r"i (?:do not|am not) (?:know|sure) (?:what|which|if)\b)"
)
_TAG_QUESTION = re.compile(r"^(?:is it|is that|are you|do you) (?:ok|okay|alright|possible|mind)\b")
_DECLINED = re.compile(
    r"\b(?:do|did|would|does) not (?:want|need|like|care)\b|\bno longer\b|\bget rid of\b|"
    r"\b(?:forget|never mind|scratch|skip) (?:about )?(?:the|that|my|it|those|1|2|3|a)\b|"
    r"\b(?:hate|dislike|can not stand) (?!it\b|that\b|this\b|you\b|to\b)|"
    r"\btake (?:off|out|away)\b|\btake (?:\w+ ){1,4}(?:off|out|away)\b|\bleave (?:off|out)\b|"
    r"\bleave (?:\w+ ){1,4}(?:off|out)\b|\bhold the\b"
)
_AVERSE = re.compile(r"^(?:i )?(?:really )?(?:hate|dislike|do not (?:like|want))\b")
_TO_TAKE_AWAY = re.compile(r"\btake(?: it| them| this| that)? (?:out|away)\b(?! (?:the|of|my|a)\b)")
_DROPS = re.compile(
    r"\b(?:remove|removing|delete|drop|cancel|canceling|cancelling|scratch|scrap|lose|nix|omit|"
    r"eliminate|discard|ditch)\b"
    r"|^(?:(?:ok|please|make it|and|but|actually) )*\d+ (?:less|fewer) (?!of\b)"
)
_ADDS = re.compile(
    r"\b(?:another|also|additional|as well|too|plus|in addition|on top of that|add|adding|"
    r"\d+ more|some more|1 more|extra order)\b|^(?:and|then)\b"
)
_TURNS = re.compile(
    r"\b(?:make|making|change|switch|swap|turn|convert|replace)\b.*\b(?:it|that|this|them|those|"
    r"order|to|into|with|for)\b"
    r"|\b(?:instead|rather|meant|supposed)\b|\b\d+ of (?:them|those|these)\b.*\bbe\b"
)
_UNWANTED = re.compile(
    r"\b(?:no|nope|actually|sorry|wait|correction|oops|second thought|changed my mind)\b"
)
_REJECTS = re.compile(
    r"^(?:no|nope|wrong|incorrect|(?:that|it|this) is (?:not|wrong|incorrect)\b.*|"
    r"(?:that|it) (?:does )?not (?:look |sound )?(?:right|correct)\b.*|not (?:right|correct|"
    r"what)\b.*)$"
)
_WANTS_THAT = re.compile(
    r"\b(?:take|have|get|want|like|order|try|do)\b.*\b(?:\d+|it|that|those|them)\b|\bmake sure\b"
)
_AFFIRMS = re.compile(r"^(?:yes|yeah|yep|yup|sure|correct|right|exactly|perfect|ok|okay)\b")


@dataclass(frozen=True)
class Clause:
    """Tokens ``start`` to ``end`` (exclusive) of a text that belong to one wish or question."""

    tokens: tuple[Token, ...]
    start: int
    end: int
    asks: bool

    @cached_property
    def words(self) -> str:
        """The clause in normalised words, one space between."""
        return " ".join(t.norm for t in self.tokens[self.start : self.end] if t.is_word)

    @property
    def removes(self) -> bool:
        """Whether it takes something away."""
        if _TO_TAKE_AWAY.search(self.words) and not _DROPS.search(self.words):
            return False
        return bool(_DROPS.search(self.words) or _DECLINED.search(self.words))

    @property
    def adds(self) -> bool:
        """Whether it says that something comes on top of what is there."""
        return bool(_ADDS.search(self.words))

    @property
    def turns(self) -> bool:
        """Whether it makes what is there into something else."""
        return bool(_TURNS.search(self.words))

    @property
    def corrects(self) -> bool:
        """Whether it speaks of what was already ordered."""
        return bool(
            set(self.words.split()) & CORRECTIVE or self.turns or _UNWANTED.search(self.words)
        )

    @property
    def rejects(self) -> bool:
        """Whether it says no more than that something is wrong."""
        return bool(_REJECTS.search(self.words))

    @property
    def singles_out(self) -> bool:
        """Whether it wants no more than what it names."""
        return bool(re.search(r"\b(?:only|just)\b", self.words))

    @property
    def wants_that(self) -> bool:
        """Whether it orders something without naming it."""
        return bool(_WANTS_THAT.search(self.words))

    @property
    def describes(self) -> bool:
        """Whether it explains what was named before it."""
        return bool(
            re.search(
                r"^(?:that|it|which) (?:is|has|contains) (?:just|basically|like)\b", self.words
            )
        )

    @property
    def affirms(self) -> bool:
        """Whether it opens with a yes."""
        return bool(_AFFIRMS.search(self.words))


def clauses(tokens: Sequence[Token]) -> tuple[Clause, ...]:
    """Return the clauses of a text, in order."""
    found: list[Clause] = []
    for first, last, end_mark in _sentences(tokens):
        cuts = [first, *_cuts(tokens, first, last), last]
        for start, end in pairwise(cuts):
            if any(token.is_word for token in tokens[start:end]):
                asks = _asks(tokens, start, end, end_mark if end == last else "")
                found.append(Clause(tuple(tokens), start, end, asks))
    return tuple(found)


def _sentences(tokens: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for at, token in enumerate(tokens):
        if token.is_stop:
            if at > start:
                yield start, at, token.norm
            start = at + 1
    if start < len(tokens):
        yield start, len(tokens), ""


def _cuts(tokens: Sequence[Token], first: int, last: int) -> Iterator[int]:
    for at in range(first + 1, last):
        joint = at
        while joint > first and tokens[joint - 1].norm in _JOINTS | {
            "please",
            "also",
            "then",
            "can",
        }:
            joint -= 1
            if tokens[joint].norm in _JOINTS:
                break
        doubles = tokens[at].norm in MULTIPLIERS and at + 1 < last
        opens = tokens[at].norm in _OPENERS or (doubles and tokens[at + 1].norm in DEFINITE)
        if opens and joint < at and tokens[joint].norm in _JOINTS:
            yield joint
        elif tokens[at].norm == "," and _turns_to_wish(tokens, first, at, last):
            yield at


def _turns_to_wish(tokens: Sequence[Token], first: int, comma: int, last: int) -> bool:
    """Whether after "I hate …," comes what is wanted instead."""
    before = " ".join(t.norm for t in tokens[first:comma])
    after = [t.norm for t in tokens[comma + 1 : last]]
    wants = "please" in after or after[:1] in (["a"], ["an"], ["i"], ["give"], ["just"])
    return wants and _AVERSE.search(before) is not None


def _asks(tokens: Sequence[Token], start: int, end: int, mark: str) -> bool:
    words = " ".join(t.norm for t in tokens[start:end] if t.is_word)
    words = re.sub(r"^(?:and|but|then|so) ", "", words)
    if _TAG_QUESTION.search(words):
        return False
    asked = _ASKING.search(words + ("?" if mark == "?" else ""))
    if asked is None:
        return False
    ordered = _ORDERING.search(words)
    return ordered is None or ordered.start() > asked.start() + len(asked.group())
