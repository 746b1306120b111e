"""Answers quoted from documents: the best sentences of what a search found, or nothing.

A passage counts only if it is close to the question, by meaning or by its words; a sentence of it
is said as it stands, with the passage's number.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.coordinator.models.local.records import facts_of, told_facts
from services.coordinator.models.local.wording import stem, words

# Cosines of a question and the passage that answers it are mostly above the first, hardly ever
# below the last; in between the words have to tell.
_CLOSE = 0.35
_NEAR = 0.25
_NOT_FAR = 0.15
_HALF = 0.5
_MOSTLY = 0.6
# What a passage's words count beside its cosine, when several are close.
_WORDS_COUNT = 0.3
_LEAST_WORDS = 4
_LONGEST_SENTENCE = 320
_SMALL = frozenset(
    """
    a about all also am an and any anything are as at be been but by can could did do does else
    for from get give go got had has have here hi hello how i if in is it its just know let like
    many may me more much my need no not of ok okay on or our out please put say shall should so
    some something still tell than thank thanks that the their them then there these they thing
    this time to up us want was we were what when where which who why will with would you your
    """.split()
)
_SAME = (
    frozenset({"open", "opening", "close", "closing", "closed", "hour", "shut", "late", "early"}),
    frozenset({"pay", "payment", "paying"}),
    frozenset({"child", "children", "kid", "baby"}),
    frozenset({"voucher", "gift"}),
    frozenset({"deliver", "delivery", "delivered"}),
    frozenset({"allergy", "allergic", "allergen", "intolerance", "intolerant"}),
    frozenset({"refund", "return", "complaint", "wrong", "back"}),
    frozenset({"recommend", "recommended", "recommendation", "suggest", "favourite", "favorite",
               "popular", "best", "speciality", "specialty"}),
    frozenset({"decaf", "decaffeinated", "caffeine"}),
    frozenset({"wifi", "internet", "wi", "fi", "wlan"}),
    frozenset({"dog", "pet", "cat", "animal"}),
    frozenset({"reserve", "reservation", "book", "booking", "table"}),
    frozenset({"park", "parking", "car"}),
    frozenset({"toilet", "restroom", "bathroom", "wc"}),
)  # fmt: skip
"""Words that ask for the same rule of a house."""
_MENU = 2  # maitred.retrieval.v1.DOCUMENT_KIND_MENU
_HEADING = re.compile(r"(?m)^\s*#.*$")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"'])")
# A line that ends a paragraph, or goes before one that begins an item of a list.
_BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+|>]|\d+[.)])\s)")
_MARKUP = re.compile(r"^\s*(?:[-*+]\s+|\d+[.)]\s+|>\s*)|[*_`]{1,3}")


@dataclass(frozen=True, slots=True)
class Passage:
    """What a search found, by its number in the turn."""

    number: int
    title: str
    headings: tuple[str, ...]
    quote: str
    text: str
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """Sentences of one passage, with its number and title."""

    sentences: tuple[str, ...]
    number: int
    title: str

    @property
    def text(self) -> str:
        """The sentences, and where they stand."""
        return f"{' '.join(self.sentences)} [{self.number}]"


def passages_of(document: Mapping[str, Any]) -> tuple[Passage, ...]:
    """The passages a tool's answer tells, best first."""
    return tuple(
        Passage(
            int(one["number"]),
            str(one.get("title", "")),
            tuple(map(str, one.get("headings", ()))),
            str(one.get("quote", "")),
            str(one.get("text", "")),
            one.get("similarity"),
        )
        for one in document.get("passages", ())
        # The menu's records are told from the menu itself.
        if one.get("kind") != _MENU or not facts_of(str(one.get("text", "")))
    )


def quoted(question: str, passages: Sequence[Passage], most: int) -> Quoted | None:
    """At most so many sentences that answer a question; None if none of the passages does."""
    asked = _stems(question)
    close = [passage for passage in passages if _is_close(asked, passage)]
    if not close:
        return None
    best = max(close, key=lambda passage: _closeness(asked, passage))
    sentences = _best_sentences(question, best, most)
    return Quoted(sentences, best.number, best.title) if sentences else None


def _is_close(asked: frozenset[str], passage: Passage) -> bool:
    similarity, covered = passage.similarity, _covered(asked, _stems_of(passage))
    if similarity is None:
        return covered >= _MOSTLY
    if similarity >= _CLOSE:
        return covered > 0
    if similarity >= _NEAR:
        return covered >= _HALF
    # A piece about many things is far from each of them, but has all the words.
    return covered >= (_MOSTLY if similarity >= _NOT_FAR else 1.0)


def _closeness(asked: frozenset[str], passage: Passage) -> float:
    similarity = _NOT_FAR if passage.similarity is None else passage.similarity
    return similarity + _WORDS_COUNT * _covered(asked, _stems_of(passage))


def _best_sentences(question: str, passage: Passage, most: int) -> tuple[str, ...]:
    if facts := facts_of(passage.text) or facts_of(passage.quote):
        wanted = _stems(question)
        return told_facts(facts, lambda said: _covered(wanted, _stems(said)))
    sentences = _sentences(passage.quote) or _sentences(passage.text)
    if passage.headings and passage.headings[-1].endswith("?"):
        # Whoever asked that was answered from the beginning on.
        brief = len(sentences) > most and len(sentences[0].split()) < _LEAST_WORDS
        return sentences[: most + brief]
    asked, literally = _stems(question), _literal_stems(question)
    scores = [_covered(asked, _stems(sentence)) for sentence in sentences]
    if not any(scores):
        # What stands under a fitting heading need not repeat it.
        return sentences[:most]
    least = max(scores) / 2

    def rank(at: int) -> tuple[float, float, int]:
        return -scores[at], -_covered(literally, _literal_stems(sentences[at])), at

    ranked = sorted(range(len(sentences)), key=rank)[:most]
    return tuple(sentences[at] for at in sorted(ranked) if scores[at] >= least)


def _sentences(text: str) -> tuple[str, ...]:
    """The sentences of Markdown or plain text, headings left out."""
    blocks = _BLOCK.split(_HEADING.sub("\n", text))
    pieces = (
        " ".join(_MARKUP.sub("", piece).split())
        for block in blocks
        for piece in _SENTENCE.split(block)
    )
    return tuple(piece[:_LONGEST_SENTENCE] for piece in pieces if piece)


def _stems_of(passage: Passage) -> frozenset[str]:
    return _stems(" ".join((passage.title, *passage.headings, passage.quote)))


def _covered(asked: frozenset[str], said: frozenset[str]) -> float:
    """The share of what is asked that is said, in [0, 1]."""
    return len(asked & said) / len(asked) if asked else 0.0


def _stems(text: str) -> frozenset[str]:
    return frozenset(_joined(_literal_stems(text)))


def _literal_stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text) if word not in _SMALL)


def _joined(stems: Iterable[str]) -> Iterable[str]:
    """Each word, or the one that stands for all that ask for the same."""
    for word in stems:
        yield next((min(same) for same in _SAME if word in same), word)
