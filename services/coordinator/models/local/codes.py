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
_TO_USE = re.compile(
    rf"\b(?:use|using|apply|redeem|enter|try|add|with|is|my)\s+(?:(?:the|my|a|this|promo|promotion|"
    rf"discount)\s+)*code\s+{_CODE}(?=\W*(?:$|[.,!?;]|please\b|thanks\b|too\b|on\b|for\b|to\b))",
    re.IGNORECASE,
)
_NO_CODES = frozenset(
    "for to on in at and or of please thanks thank that this it is you i from with here now too "
    "yet again work works working not".split()
)
_THAT = "(?:(?:the|my|that|this|any|all|a|promo|promotion|discount|gift) )*"
_DROPPING = re.compile(
    r"^(?:(?:please|no|ok|okay|actually|sorry|can you|could you|i want to|oh|and) )*"
    r"(?:(?:remove|delete|drop|forget|cancel|take (?:off|out|away)|leave out|do not use|without) "
    rf"{_THAT}"
    r"(?:codes?|coupons?|vouchers?|discounts?)"
    rf"|(?:take|leave) {_THAT}(?:codes?|coupons?|vouchers?|discounts?) (?:off|out|away))"
    r"(?: (?:again|please|thanks|now|from (?:it|my order|the order|my cart)))*$"
)
_BARE = re.compile(r"^\W*([A-Z0-9][A-Z0-9_-]{3,39})\W*$")
_FILLERS = frozenset(
    "please thanks thank you too also it that this on for to my the order then now hi hello yes "
    "yeah ok okay sure and i a use as well".split()
)
_LEAST_CAPITALS = 4
_MOST_CODES = 5


@dataclass(frozen=True, slots=True)
class Named:
    """The codes of a message, as written, and what it says beside them; empty for nothing.

    ``drops`` is whether it asks to do without codes.
    """

    codes: tuple[str, ...] = ()
    rest: str = ""
    drops: bool = False


def codes_in(text: str) -> Named:
    """The codes a message names."""
    if _DROPPING.match(" ".join(words(text))):
        return Named(drops=True)
    codes, rest = list[str](), text
    while len(codes) < _MOST_CODES and (found := _first(rest)) is not None:
        codes.append(found["code"])
        rest = f"{_without_preface(rest[: found.start()])} {rest[found.end() :]}"
    if not codes:
        return Named((), text)
    says_more = set(words(rest)) - _FILLERS
    return Named(tuple(dict.fromkeys(codes)), " ".join(rest.split()) if says_more else "")


def bare_code(text: str) -> str:
    """The one word of a message in capitals, which may be a code; empty for any other message."""
    found = _BARE.match(text)
    return found[1] if found and not found[1].isdigit() else ""


def _first(text: str) -> re.Match[str] | None:
    for found in _CALLED.finditer(text):
        if found["told"] or _has_digit(found["code"]) or found["code"].isupper():
            return found
    for found in _TO_USE.finditer(text):
        if found["code"].lower() not in _NO_CODES:
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
