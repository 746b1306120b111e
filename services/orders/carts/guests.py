"""Names guests give themselves or a line: who it is for is no wish and no misspelt menu word."""

import re
from collections.abc import Sequence

from services.orders.carts.english import ARTICLES, DEFINITE, FRAME, NUMBERS
from services.orders.carts.lexicon import Lexicon
from services.orders.carts.tokens import Token

_INTRODUCED = re.compile(
    r"(?:\b(?:my|the|under|last|first|your) name (?:is|will be|would be|should be|of|"
    r"for (?:it|that|the order) is|on (?:it|that|this|the order) (?:is|will be|should be))?|"
    r"\bname (?:is|it|be|of)|\bnamed?|\bcall me|"
    r"\bput (?:it|that|this) under|\bunder)$"
)
_LONGEST = 3
_WANTS = frozenset("want wants would need needs will like likes is gets get has".split())


def name_spans(tokens: Sequence[Token], text: str, lexicon: Lexicon) -> tuple[tuple[int, int], ...]:
    """Return the token ranges of guests' names, with the words that introduce them."""
    spans: list[tuple[int, int]] = []
    for at in range(len(tokens)):
        if spans and at < spans[-1][1]:
            continue
        end = _introduced_end(tokens, text, at, lexicon)
        if end is not None:
            spans.append((at, end))
    return tuple(spans)


def _introduced_end(tokens: Sequence[Token], text: str, at: int, lexicon: Lexicon) -> int | None:
    """Return where the name ends that the token introduces, if it introduces one."""
    if _presents(tokens, at) and at + 1 < len(tokens) and tokens[at + 1].text[:1].isupper():
        return _name_end(tokens, text, at + 1, lexicon, introduced=True)
    if _introduces(tokens, at):
        return _name_end(tokens, text, at + 1, lexicon, introduced=True)
    kin = _kin_end(tokens, at, lexicon)
    if kin is not None and kin < len(tokens) and tokens[kin].norm in _WANTS:
        return kin
    if tokens[at].norm != "for":
        return None
    kin = _kin_end(tokens, at + 1, lexicon)
    return kin or _name_end(tokens, text, at + 1, lexicon, introduced=False)


def _kin_end(tokens: Sequence[Token], start: int, lexicon: Lexicon) -> int | None:
    """Return the end of "my wife": who a thing is for, where no name is said."""
    if start + 1 < len(tokens) and tokens[start].norm in {"my", "our", "his", "her", "their"}:
        return start + 2 if _may_name(tokens[start + 1], lexicon) else None
    return None


def _presents(tokens: Sequence[Token], at: int) -> bool:
    """Whether a name may follow, as after "I am", where as well anything else may."""
    return f"{tokens[at - 1].norm if at else ''} {tokens[at].norm}" in {"i am", "this is", "it is"}


def _introduces(tokens: Sequence[Token], at: int) -> bool:
    words = " ".join(t.norm for t in tokens[max(at - 6, 0) : at + 1] if t.is_word)
    return _INTRODUCED.search(words) is not None


def _name_end(
    tokens: Sequence[Token], text: str, start: int, lexicon: Lexicon, *, introduced: bool
) -> int | None:
    end = start
    while end < len(tokens) and end - start < _LONGEST and _may_name(tokens[end], lexicon):
        end += 1
    if end == start:
        return None
    capital = text[tokens[start].start].isupper()
    follower = tokens[end].norm if end < len(tokens) else ""
    stops = end == len(tokens) or not tokens[end].is_word or follower in FRAME
    if introduced:
        return end if stops else None
    return end if (capital or end - start == 1) and stops else None


def _may_name(token: Token, lexicon: Lexicon) -> bool:
    return (
        token.is_word
        and token.norm.isalpha()
        and token.norm not in FRAME | ARTICLES | DEFINITE
        and token.norm not in NUMBERS
        and not lexicon.knows(token.norm)
    )
