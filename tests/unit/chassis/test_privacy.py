"""Personal data in what people write, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.run.privacy import Kind, mask


def wide(text: str) -> str:
    """As some keyboards write it: in full width."""
    return "".join(one if one == " " else chr(ord(one) + 0xFEE0) for one in text)


def arabic(digits: str) -> str:
    """With Arabic-Indic digits."""
    return "".join(chr(ord(one) + 0x0630) if one.isdigit() else one for one in digits)


FOUND = {
    Kind.EMAIL: {
        "mail me at anna.b+x@example.co.uk please": "mail me at [mail] please",
        "Anna@example.com, thanks": "[mail], thanks",
        wide("ANNA@example.com"): "[mail]",
        "jürgen@müller.de": "[mail]",
    },
    Kind.CARD: {
        "card 4111 1111 1111 1111 12/27": "card [card] 12/27",
        "2 4111-1111-1111-1111": "2 [card]",
        "5555555555554444.": "[card].",
        "378282246310005": "[card]",
        wide("4111 1111 1111 1111"): "[card]",
        arabic("4111111111111111"): "[card]",
        "4111\u200911111111\u20111111": "[card]",
        "4111.1111.1111.1111": "[card]",
        "cvv 123": "[card]",
        "CVC: 1234, thanks": "[card], thanks",
        "the security code is 987.": "the [card].",
    },
    Kind.IBAN: {
        "DE89 3704 0044 0532 0130 00 please": "[iban] please",
        "de89370400440532013000": "[iban]",
        "GB82 WEST 1234 5698 7654 32": "[iban]",
        "FR14 2004 1010 0505 0001 3M02 606": "[iban]",
        "to NL91ABNA0417164300.": "to [iban].",
    },
    Kind.PHONE: {
        "call +49 170 1234567 2 pizzas": "call [phone] 2 pizzas",
        "+1 (555) 123-4567": "[phone]",
        "0049 30 123456": "[phone]",
        "+33 6 12 34 56 78": "[phone]",
        "+49\u2011170\u20111234567": "[phone]",
        "0170 1234567": "[phone]",
        "(030) 1234 5678": "[phone]",
        "030/12345678": "[phone]",
        "06 12 34 56 78": "[phone]",
        "01.23.45.67.89": "[phone]",
        arabic("0170 1234567"): "[phone]",
        "my number is 07700 900123": "my number is [phone]",
        "555-123-4567": "[phone]",
        "(555) 123-4567": "[phone]",
        "call 5551234567": "call [phone]",
        "tel: 555-1234": "tel: [phone]",
    },
}
HARMLESS = [
    "",
    "no onions, 2 of 3 without salt, 100 g",
    "ring twice, ask for Anna on floor 3",
    "order 0170 1234567",
    "order number: 0123456789",
    "table 12, at 18.30",
    "12.50 + 13.50 = 26.00",
    "49,90 59,90 69,90",
    "EUR 1.234.567,89",
    "05.07.2025 18.30",
    "05.07.2025 18:30",
    "2025-07-05 18:30",
    "call between 18.30-19.30",
    "call me 1830-1930",
    "call 20 minutes before 19:30",
    "at 10:30, 11:45 or 12:15",
    "07.30 08.45 09.15",
    "200 500 1000 ml",
    "3x 2x 1x",
    "room 1201",
    "10115 Berlin, 12 Torstrasse",
    "1234567890",
    "code 4455667788",
    "door code 1234",
    "cvc twice",
    "#4111111111111112",
    "4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "ord_4111111111111111aabbccddeeff0011",
    "0.75 l, 0.5 l",
    "meet @ the bar",
    "half @ 50.50",
]


@pytest.mark.parametrize(
    ("kind", "text", "masked"),
    [(kind, text, masked) for kind, texts in FOUND.items() for text, masked in texts.items()],
)
def test_personal_data_gives_way_to_the_name_of_its_kind(
    kind: Kind, text: str, masked: str
) -> None:
    found = mask(text)
    assert (found.text, found.kinds) == (masked, frozenset({kind}))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask(text).text == text
    assert not mask(text).kinds


def test_each_kind_in_a_text_is_named_once() -> None:
    text = "a@b.co or c@d.org, +49 170 1234567, 4111 1111 1111 1111"
    assert mask(text).text == "[mail] or [mail], [phone], [card]"
    assert mask(text).kinds == {Kind.EMAIL, Kind.PHONE, Kind.CARD}


@given(st.text(alphabet="0123456789 .-/()+@abDE\u00a0\u0661\uff10#", max_size=80))
def test_masking_never_lengthens_a_text_and_is_done_once(text: str) -> None:
    once = mask(text).text
    assert len(once) <= len(text)
    assert mask(once).text == once


@pytest.mark.parametrize("then", [" for 1234 5678", " (1234 5678)"])
def test_what_stands_behind_a_masked_number_is_not_called_by_it(then: str) -> None:
    once = mask(f"Call +49 170 1234567{then}").text
    assert once == f"Call [phone]{then}"
    assert mask(once).text == once
    assert mask("phone [mobile]: 1234 5678").text == "phone [mobile]: [phone]"


@given(st.integers(min_value=0, max_value=10**14 - 1), st.sampled_from([" ", "-", "", "\u2009"]))
def test_no_card_number_gets_through_however_it_is_grouped(number: int, between: str) -> None:
    fifteen = f"4{number:014d}"
    check = next(
        digit
        for digit in "0123456789"
        if sum(sum(divmod((2 - n % 2) * int(one), 10)) for n, one in enumerate(fifteen + digit))
        % 10
        == 0
    )
    digits = fifteen + check
    grouped = between.join(digits[n : n + 4] for n in range(0, 16, 4))
    assert mask(f"by {grouped} then").text == "by [card] then"
