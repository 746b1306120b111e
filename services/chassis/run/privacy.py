"""Personal data in free text: e-mail addresses, phone, payment card and bank account numbers.

What is found gives way to the name of its kind in brackets. A number counts only if it is written
the way such numbers are or its check digits are right, so that order numbers, prices, times, dates
and quantities stay. A card's security code goes with the word before it. Digits, spaces and dashes
may be any of Unicode's.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found; as text never longer than the shortest of its kind."""

    EMAIL = "mail"
    IBAN = "iban"
    CARD = "card"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without personal data, and the kinds that were in it; never the values."""

    text: str
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class _Found:
    kind: Kind
    start: int
    end: int


_HIDDEN = "\u200b\u200c\u200d\u2060\ufeff"
_DASHES = "\\-\u2010\u2011\u2012\u2013\u2014\u2212"
_SPACE = rf"(?:[^\S\n]|[{_HIDDEN}])"
_BETWEEN = rf"(?:[^\S\n]|[{_HIDDEN}{_DASHES}./()])"
_ZERO = "[0\u0660\u06f0\u0966\uff10]"
_NOT_ZERO = rf"(?!{_ZERO})\d"

_EMAIL = re.compile(r"[\w.+%-]+[@\uff20][\w-]+(?:[.\uff0e\u3002][\w-]{2,})+")

# Two letters of a country, two check digits, and up to thirty more characters, maybe in groups.
_ACCOUNT = re.compile(rf"(?<!\w)[^\W\d_]{{2}}\d{{2}}(?:{_SPACE}?[^\W_]){{11,40}}")
_ACCOUNT_LENGTHS = {
    length[:2]: int(length[2:])
    for length in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 "
        "DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 "
        "IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 "
        "MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 "
        "SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}

_DIGIT_GROUPS = re.compile(rf"(?<!\w)\d+(?:(?:[^\S\n]|[{_HIDDEN}{_DASHES}.]){{1,3}}\d+)*(?!\w)")
# The first digits of card numbers: those of the networks.
_CARD_BEGINS = "23456"

# What proves that somebody holds the card, with the word for it: no card scheme lets it be stored.
_SECURITY_CODE = re.compile(
    r"(?<!\w)(?:(?:cvv|cvc)2?|csc|(?:card )?security code|card verification (?:code|value)|"
    r"kartenpr[üu]fnummer|cryptogramme)"
    rf"(?:{_SPACE}?(?:is|number|no|code|ist|est))?[\s:.#={_DASHES}]{{0,3}}\d{{3,4}}(?!\w)",
    re.IGNORECASE,
)

# A date with its year, or a time; neither begins a phone number.
_NO_TIME = (
    rf"(?!\(?\d{{1,2}}(?P<mark>[./{_DASHES}])\d{{1,2}}(?P=mark)\d{{4}}(?!\d))"
    rf"(?!\(?\d{{4}}[./{_DASHES}]\d{{1,2}}[./{_DASHES}]\d{{1,2}}(?!\d))"
    r"(?!\(?\d{1,2}\.\d{2}(?![\d.]))"
    rf"(?!(?:[01]\d|2[0-3])[0-5]\d{_SPACE}?[{_DASHES}]{_SPACE}?(?:[01]\d|2[0-3])[0-5]\d(?!\d))"
)
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])[(]?(?:[+\uff0b]{_BETWEEN}?|{_ZERO}{{2}}{_BETWEEN}?){_NOT_ZERO}"
    rf"(?:{_BETWEEN}{{0,3}}\d){{7,14}}(?!\w)"
)
_NATIONAL = re.compile(
    rf"(?<![\w+.,:/\-]){_NO_TIME}[(]?{_ZERO}{_NOT_ZERO}(?:{_BETWEEN}{{0,3}}\d){{7,11}}(?!\w)"
)
_NORTH_AMERICAN = re.compile(
    rf"(?<![\w+.,:/\-])(?:1{_BETWEEN})?[(]?[2-9]\d\d{_BETWEEN}{{1,2}}\d{{3}}[.{_DASHES}]\d{{4}}(?!\w)"
)
_CALLED = re.compile(
    # Not by the name we put in the place of a number, nor past it.
    r"\b(?<!\[(?=phone\]))(?:phone|tel|telephone|mobile|cell|call|ring|whatsapp|sms|text|fax|"
    r"contact|reach|handy|telefon|mobil|rufnummer|anrufen|t[ée]l[ée]phone|t[ée]l|portable|appel\w*|tel[ée]fono|"
    r"m[óo]vil|llam\w*|cellulare|chiama\w*)\b(?:(?!\[(?:mail|iban|card|phone)\])[^\d\n]){0,20}?"
    rf"(?P<number>(?<![\w+.,:/\-]){_NO_TIME}[(]?\d(?:{_BETWEEN}{{0,3}}\d){{6,14}})(?!\w)",
    re.IGNORECASE,
)
# What is counted or kept under a number is not called by it.
_NUMBERED = re.compile(
    r"(?:\b(?:order|ticket|table|invoice|ref|reference|booking|voucher|code|id|receipt|"
    r"bestell\w*|rechnung\w*|tisch|commande|pedido|ordine)"
    r"(?:\s*(?:number|no|num|nr|nummer|n°))?|#)[\s:.#(]{0,3}$",
    re.IGNORECASE,
)
_LONE_DIGIT = re.compile(rf"{_SPACE}\d$")


def mask(text: str) -> Masked:
    """The text with `[mail]`, `[iban]`, `[card]` and `[phone]` where such were.

    It is never longer than before, and masking it again changes nothing.
    """
    kinds: set[Kind] = set()
    for find in (_emails, _accounts, _cards, _security_codes, _phones):
        kept, end = [], 0
        for found in find(text):
            if found.start >= end:
                kept.append(text[end : found.start])
                kept.append(f"[{found.kind}]")
                kinds.add(found.kind)
                end = found.end
        text = "".join(kept) + text[end:]
    return Masked(text, frozenset(kinds))


def _emails(text: str) -> Iterator[_Found]:
    for match in _EMAIL.finditer(text):
        yield _Found(Kind.EMAIL, *match.span())


def _accounts(text: str) -> Iterator[_Found]:
    for match in _ACCOUNT.finditer(text):
        places = [n for n in range(*match.span()) if text[n].isalnum()]
        plain = unicodedata.normalize("NFKC", "".join(text[n] for n in places)).upper()
        length = _ACCOUNT_LENGTHS.get(plain[:2], 0)
        if not 0 < length <= len(plain) or not _is_account(plain[:length]):
            continue
        end = places[length - 1] + 1
        if end == len(text) or not text[end].isalnum():
            yield _Found(Kind.IBAN, match.start(), end)


def _is_account(plain: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 7064, MOD 97-10)."""
    if not plain.isascii():
        return False
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _cards(text: str) -> Iterator[_Found]:
    for match in _DIGIT_GROUPS.finditer(text):
        groups = list(re.finditer(r"\d+", match[0]))
        first = 0
        while first < len(groups):
            last = _card_end(groups[first:])
            if last:
                begin, end = groups[first].start(), groups[first + last - 1].end()
                yield _Found(Kind.CARD, match.start() + begin, match.start() + end)
            first += last or 1


def _security_codes(text: str) -> Iterator[_Found]:
    for match in _SECURITY_CODE.finditer(text):
        yield _Found(Kind.CARD, *match.span())


def _card_end(groups: list[re.Match[str]]) -> int:
    """Of how many groups of digits, from the first, a card number is made; 0 for none."""
    digits: list[int] = []
    found = 0
    for count, group in enumerate(groups, start=1):
        digits += [unicodedata.digit(one) for one in group[0]]
        if len(digits) > 19:
            break
        if len(digits) >= 13 and str(digits[0]) in _CARD_BEGINS and _is_card(digits):
            found = count
    return found


def _is_card(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of the others (Luhn)."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0 and len(set(digits)) > 1


def _phones(text: str) -> Iterator[_Found]:
    spans = [match.span() for match in _INTERNATIONAL.finditer(text)]
    spans += [match.span() for match in _NATIONAL.finditer(text)]
    spans += [match.span() for match in _NORTH_AMERICAN.finditer(text)]
    spans += [match.span("number") for match in _CALLED.finditer(text)]
    # Of those that begin together the longest is the number.
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if _NUMBERED.search(text[max(0, start - 24) : start]):
            continue
        lone = _LONE_DIGIT.search(text, start, end)
        yield _Found(Kind.PHONE, start, lone.start() if lone else end)
