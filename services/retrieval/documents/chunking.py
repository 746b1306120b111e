"""Sections cut into passages, to answer from, and passages into chunks, to be found by.

Sizes are in tokens of the embedding. A cut falls between lines or sentences where there is such a
place, else between words, and the pieces of one text are about equally long: a last piece of two
words would be found by nothing.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.retrieval.documents.document import DocumentKind
from services.retrieval.documents.section import Section
from services.retrieval.search.passages import context

CHUNK_TOKENS = 128
PASSAGE_TOKENS = {
    DocumentKind.OTHER: 512,
    DocumentKind.MENU: 256,
    DocumentKind.POLICY: 384,
    DocumentKind.FAQ: 200,
}
_SEAM = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\s*\n\s*")
_SPACE = re.compile(r"\s+")

# The offset in a text at which each of its tokens ends, ascending.
TokenEnds = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """Words to answer from, under their headings, and the chunks they are found by."""

    headings: tuple[str, ...]
    text: str
    chunks: tuple[Span, ...]


def cut(
    sections: Iterable[Section], kind: DocumentKind, token_ends: TokenEnds
) -> Iterator[Passage]:
    """The passages of a document's sections."""
    for section in sections:
        text = _Tokenised(section.text, token_ends(section.text))
        for passage in text.pieces(Span(0, len(section.text)), PASSAGE_TOKENS[kind]):
            yield Passage(
                section.headings,
                section.text[passage.start : passage.end],
                tuple(
                    Span(chunk.start - passage.start, chunk.end - passage.start)
                    for chunk in text.pieces(passage, CHUNK_TOKENS)
                ),
            )


def chunk_texts(title: str, passage: Passage) -> list[str]:
    """What is embedded of each chunk: its words below what they stand under."""
    above = context(title, passage.headings)
    return [f"{above}. {passage.text[chunk.start : chunk.end]}" for chunk in passage.chunks]


class _Tokenised:
    """A text with its tokens and the places where it may be cut."""

    def __init__(self, text: str, ends: Sequence[int]) -> None:
        self._text = text
        self._ends = ends
        self._seams = [match.end() for match in _SEAM.finditer(text)]
        self._spaces = [match.end() for match in _SPACE.finditer(text)]

    def pieces(self, span: Span, most: int) -> Iterator[Span]:
        """The span in pieces of at most `most` tokens, without the white space around them."""
        begin, last = span.start, self._tokens_before(span.end)
        while begin < span.end:
            token = self._tokens_before(begin)
            left = last - token
            end = span.end if left <= most else self._cut(begin, token, left, most)
            if (piece := self._trimmed(begin, end)).end > piece.start:
                yield piece
            begin = end

    def _cut(self, begin: int, token: int, left: int, most: int) -> int:
        """Where to end the piece that begins at a token, with so many left."""
        ideal = self._ends[token + left // -(-left // most) - 1]
        # The tokens of one character end where it does: a piece holds all of them or none.
        latest = max(self._ends[token + most - 1], begin + 1)
        for places in (self._seams, self._spaces):
            between = places[bisect_right(places, begin) : bisect_right(places, latest)]
            if between:
                return min(between, key=lambda place: abs(place - ideal))
        return latest

    def _tokens_before(self, offset: int) -> int:
        return bisect_right(self._ends, offset)

    def _trimmed(self, start: int, end: int) -> Span:
        words = self._text[start:end]
        stripped = words.lstrip()
        return Span(start + len(words) - len(stripped), start + len(words.rstrip()))
