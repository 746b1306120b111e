"""Text to tokens that remember where they stood.

Contractions are opened ("isn't" is two tokens over one span), number words become digits, and
spellings that differ only in case, accents, hyphens or plural end up the same.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from services.orders.carts.english import (
    CONTRACTED_ENDINGS,
    CONTRACTIONS,
    NUMBERS,
    TAKES_IS,
    singular,
)

_PIECE = re.compile(
    r"x\s?\d+\b|\d+\s?x\b|\d+(?:[.,]\d+)?\s?%|\d+\s?percent\b|w/o\b|w/|\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*'?|[&+]|\S"
)
_STOPS = frozenset(".!?;:\n")
_PAUSES = frozenset(',()-–—/"…*')


@dataclass(frozen=True, slots=True)
class Token:
    """One word. ``norm`` is what it is compared by; ``number`` is its value if it is one."""

    text: str
    norm: str
    start: int
    end: int
    number: int | None = None

    @property
    def is_stop(self) -> bool:
        """Whether it ends a sentence."""
        return self.norm in _STOPS

    @property
    def is_pause(self) -> bool:
        """Whether it is punctuation inside a sentence."""
        return self.norm in _PAUSES

    @property
    def is_word(self) -> bool:
        """Whether it is neither."""
        return not (self.is_stop or self.is_pause)


def tokenize(text: str) -> tuple[Token, ...]:
    """Return the tokens of a text, in order."""
    tokens: list[Token] = []
    plain = _plain(text)
    for match in _PIECE.finditer(plain):
        piece = match.group()
        start, end = match.span()
        if piece == "-" and _inside_word(plain, start):
            continue
        source = text[start:end]
        tokens.extend(Token(source, norm, start, end, _number(norm)) for norm in _norms(piece))
    return tuple(_percentages(tokens))


def uncountable(tokens: Sequence[Token], text: str) -> tuple[int, ...]:
    """Return where numbers are that nothing can be had of: negative, broken or beyond counting."""
    return tuple(at for at in range(len(tokens)) if _is_uncountable(tokens, at, text))


def _is_uncountable(tokens: Sequence[Token], at: int, text: str) -> bool:
    token = tokens[at]
    if not token.norm[:1].isdigit() or token.norm.endswith("%"):
        return False
    before = text[max(token.start - 2, 0) : token.start]
    negative = before.endswith("-") and not before[:-1].strip()
    broken = text[token.end : token.end + 2].strip()
    halved = broken.startswith("/") and broken[1:].isdigit()
    return token.number is None or negative or halved


def _percentages(tokens: list[Token]) -> Iterator[Token]:
    """Join "two percent" to what "2%" is."""
    skip = False
    for token, after in zip_longest(tokens, tokens[1:]):
        if skip:
            skip = False
        elif token.number is not None and after is not None and after.norm in {"percent", "%"}:
            text = f"{token.text} {after.text}"
            yield Token(text, f"{token.norm}%", token.start, after.end)
            skip = True
        else:
            yield token


def words_of(phrase: str) -> tuple[str, ...]:
    """Return the normalised words of a catalog phrase, punctuation left out."""
    return tuple(token.norm for token in tokenize(phrase) if token.is_word)


def _plain(text: str) -> str:
    """Fold case and accents one character for one, so positions stay true."""
    return "".join(_fold(character) for character in text)


def _fold(character: str) -> str:
    if character in "\u2018\u2019\u0060\u00b4":
        return "'"
    base = unicodedata.normalize("NFKD", character)[:1].lower()
    return base if len(base) == 1 else character


def _inside_word(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return bool(before.strip() and after.strip())


def _norms(piece: str) -> tuple[str, ...]:
    if piece in CONTRACTIONS:
        return CONTRACTIONS[piece]
    if re.fullmatch(r"x\s?\d+|\d+\s?x", piece):
        return (re.sub(r"\D", "", piece),)
    if piece.endswith(("%", "percent")):
        return (re.sub(r"\D.*", "", piece) + "%",)
    if "'" in piece:
        return _opened(piece)
    return (str(NUMBERS[piece]) if piece in NUMBERS else singular(piece),)


def _opened(piece: str) -> tuple[str, ...]:
    """Open a contraction, or drop a possessive."""
    for ending, opened in CONTRACTED_ENDINGS.items():
        if piece.endswith(ending) and len(piece) > len(ending):
            return (piece.removesuffix(ending), *opened)
    stem = piece.split("'", maxsplit=1)[0]
    return (stem, "is") if stem in TAKES_IS and piece.endswith("'s") else (singular(stem),)


def _number(norm: str) -> int | None:
    return int(norm) if norm.isdigit() and len(norm) <= 6 else None
