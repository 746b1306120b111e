"""Codes of promotions in a guest's message."""

import re
from dataclasses import dataclass

from services.coordinator.models.local.wording import words

_BEFORE = re.compile(
    r"(?:\b(?:and|also|oh|please|hi|hello|i|we|have|has|ve|got|a|an|the|my|this|our|use|using|"
    r"apply|redeem|enter|with|here|is|s|discount|promo|promotion|promotional|gift|can|could|you|"
    r"to|would|like|want|will|by|way|there|d|ll|m|try|add)\b[\s,'’]*)+$",
    re.IGNORECASE,
)
_LONGEST_BEFORE = 60
_CODE = r"[\"'“”\u2018\u2019(]*(?P<code>[A-Za-z0-9][A-Za-z0-9_-]{1,39})[\"'“”\u2018\u2019)]*"
_NO_OTHER = r"(?<!dress )(?<!zip )(?<!area )(?<!post )(?<!qr )(?<!bar )"
_CALLED = re.compile(
    rf"{_NO_OTHER}\b(?:code|coupon|voucher)s?\b"
    rf"(?P<told>(?:\s|,|it)*(?:is\b|'s\b|’s\b|:|=|called\b|named\b|number\b)+)?\s*{_CODE}",
    re.IGNORECASE,
)
_USED = re.compile(
    rf"\b(?:use|apply|redeem|enter|have|got)\s+{_CODE}(?=\W*(?:$|[.,!?;]|please|too|on|for|to))",
    re.IGNORECASE,
)
_FILLERS = frozenset(
    "please thanks thank you too also it that this on for to my the order then now hi hello yes "
    "yeah ok okay sure and i a use as well".split()
)
_LEAST_CAPITALS = 4
_MOST_CODES = 5


@dataclass(frozen=True, slots=True)
class Named:
    """The codes of a message, as written, and what it says beside them; empty for nothing."""

    codes: tuple[str, ...] = ()
    rest: str = ""


def codes_in(text: str) -> Named:
    """The codes a message names."""
    codes, rest = list[str](), text
    while len(codes) < _MOST_CODES and (found := _first(rest)) is not None:
        codes.append(found["code"])
        rest = f"{_without_preface(rest[: found.start()])} {rest[found.end() :]}"
    if not codes:
        return Named((), text)
    says_more = set(words(rest)) - _FILLERS
    return Named(tuple(dict.fromkeys(codes)), " ".join(rest.split()) if says_more else "")


def _first(text: str) -> re.Match[str] | None:
    for found in _CALLED.finditer(text):
        if found["told"] or _has_digit(found["code"]) or found["code"].isupper():
            return found
    for found in _USED.finditer(text):
        code = found["code"]
        if code.isupper() and not code.isdigit() and len(code) >= _LEAST_CAPITALS:
            return found
    return None


def _without_preface(text: str) -> str:
    """The text less a "and I have a" at its end."""
    near = text[-_LONGEST_BEFORE:]
    preface = _BEFORE.search(near)
    return text if preface is None else text[: len(text) - len(near) + preface.start()]


def _has_digit(code: str) -> bool:
    return any(character.isdigit() for character in code)
