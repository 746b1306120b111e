"""The header Idempotency-Key."""

import pytest

from gateway.transcoding.idempotency import parse_key
from services.chassis.rpc.errors import Failure


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('  "abc"  ', "abc"),
        ('"a \\"b\\" \\\\c"', 'a "b" \\c'),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("a;b=c", "a;b=c"),
    ],
)
def test_a_key_is_taken_quoted_or_bare(value: str, key: str) -> None:
    assert parse_key([value]) == key


def test_no_header_is_no_key() -> None:
    assert parse_key([]) == ""


@pytest.mark.parametrize(
    "value", ["", '""', '"abc', '"a"b"', '"a\\x"', "x" * 256, "café", "a\tb", '"a";p=1']
)
def test_what_is_no_key_is_refused(value: str) -> None:
    with pytest.raises(Failure) as refused:
        parse_key([value])
    assert refused.value.reason == "INVALID_FIELD"
    assert refused.value.fields[0].field == "Idempotency-Key"


def test_two_keys_are_refused() -> None:
    with pytest.raises(Failure):
        parse_key(["a", "b"])
