"""The compiled codecs write and read what json_format does."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from maitred.coordinator.v1 import turn_pb2
from maitred.identity.v1 import api_key_pb2
from maitred.orders.v1 import cart_pb2, cart_service_pb2, catalog_pb2, order_pb2, quote_pb2

from gateway.transcoding.decoding import Decoders, MalformedInput, parse_json
from gateway.transcoding.encoding import Encoders
from tests.unit.rest.messages import every_kind, messages

EVERY_KIND = every_kind()
KINDS: list[type[Message]] = [
    EVERY_KIND,
    order_pb2.Order,
    catalog_pb2.Catalog,
    cart_service_pb2.ParseCartResponse,
    turn_pb2.Turn,
    api_key_pb2.ApiKey,
]
ANY = st.sampled_from(KINDS).flatmap(messages)
THOROUGH = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ENCODERS = Encoders()
DECODERS = Decoders()


def encode(message: Message) -> str:
    return ENCODERS.of(type(message))(message)


def decode(kind: type[Message], value: Any) -> Message:
    return DECODERS.of(kind)(value)


def reference(message: Message, *, camel: bool = False) -> str:
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=not camel,
        always_print_fields_with_no_presence=not camel,
    )


@given(ANY)
@THOROUGH
def test_a_message_is_written_as_json_format_writes_it(message: Message) -> None:
    assert json.loads(encode(message)) == json.loads(reference(message))


@given(ANY, st.booleans())
@THOROUGH
def test_a_message_is_read_in_either_spelling(message: Message, camel: bool) -> None:
    text = reference(message, camel=camel)
    expected = json_format.Parse(text, type(message)())
    found = decode(type(message), parse_json(text.encode()))
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(
        deterministic=True
    )


@given(ANY)
@THOROUGH
def test_what_was_written_is_read_back(message: Message) -> None:
    found = decode(type(message), parse_json(encode(message).encode()))
    again = encode(found)
    assert again == encode(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
LAX = {"must be true or false", "must be a string", "must be an object", "must be an array"}
LAX |= {"must not hold the character U+0000"}
# To json_format true is 1, but where an integer is wanted.
LAX_OF_TRUTHS = "must be a number"
TRUTHS = re.compile("true|false")
# It reads whatever int() takes as the number of an enum.
LAX_OF_ENUMS = "must be one of"
NAMED = st.dictionaries(st.sampled_from([f.name for f in EVERY_KIND.DESCRIPTOR.fields]), JSON)


@given(NAMED)
@THOROUGH
def test_what_json_format_refuses_is_refused(value: dict[str, Any]) -> None:
    try:
        expected = json_format.ParseDict(value, EVERY_KIND())
    except (json_format.ParseError, TypeError, ValueError, AttributeError):
        with pytest.raises(MalformedInput):
            decode(EVERY_KIND, value)
        return
    try:
        found = decode(EVERY_KIND, value)
    except MalformedInput as refusal:
        # Only where json_format is lax.
        truth = refusal.problem.startswith(LAX_OF_TRUTHS) and TRUTHS.search(json.dumps(value))
        lax = refusal.problem in LAX or refusal.problem.startswith(LAX_OF_ENUMS)
        assert lax or truth
        return
    assert encode(found) == encode(expected)


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        ({"colour": 1}, "colour", "unknown field"),
        ({"lines": [{}, {"colour": 1}]}, "lines[1].colour", "unknown field"),
        ({"lines": {}}, "lines", "must be an array"),
        ({"lines": [None]}, "lines[0]", "must not be null"),
        ({"lines": [{"quantity": "two"}]}, "lines[0].quantity", "must be a number"),
        ({"lines": [{"quantity": 1.5}]}, "lines[0].quantity", "must be an integer"),
        ({"lines": [{"quantity": True}]}, "lines[0].quantity", "must be an integer"),
        ({"lines": [{"quantity": 2**31}]}, "lines[0].quantity", "is out of range"),
        ({"lines": [{"note": 5}]}, "lines[0].note", "must be a string"),
        ({"total_minor": 1, "totalMinor": 1}, "total_minor", "given twice"),
        ([], "", "must be an object"),
    ],
)
def test_a_refusal_names_the_field(value: Any, field: str, problem: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        decode(cart_pb2.Cart, value)
    assert (refused.value.field, refused.value.problem) == (field, problem)


def test_a_time_that_is_none_is_told_what_one_looks_like() -> None:
    with pytest.raises(MalformedInput, match="create_time: must be a time such as 2026-"):
        decode(quote_pb2.Quote, {"create_time": "yesterday"})


def test_two_of_one_kind_are_refused() -> None:
    with pytest.raises(MalformedInput, match="another of its kind"):
        decode(cart_service_pb2.CartOperation, {"clear_cart": {}, "add_line": {}})


def test_an_empty_object_is_present() -> None:
    found = decode(cart_service_pb2.ParseCartRequest, {"text": "hi", "cart": {}})
    assert found.HasField("cart")
    assert not found.HasField("focus")


def test_zero_of_an_optional_field_is_present() -> None:
    assert decode(cart_pb2.OptionSelection, {"quantity": 0}).HasField("quantity")
    assert not decode(cart_pb2.OptionSelection, {"quantity": None}).HasField("quantity")


def test_a_large_integer_is_written_as_a_string_and_read_as_either() -> None:
    assert json.loads(encode(cart_pb2.Cart(total_minor=2**60)))["total_minor"] == str(2**60)
    for value in (str(2**60), 2**60):
        assert decode(cart_pb2.Cart, {"total_minor": value}) == cart_pb2.Cart(total_minor=2**60)


def test_numbers_beyond_json_are_strings() -> None:
    message = decode(EVERY_KIND, {"one_double": "NaN", "one_float": "-Infinity"})
    assert math.isnan(message.one_double)  # type: ignore[attr-defined]
    assert json.loads(encode(message))["one_float"] == "-Infinity"


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 100_000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        parse_json(body)


def test_a_lone_surrogate_is_malformed() -> None:
    with pytest.raises(MalformedInput, match="Unicode"):
        decode(cart_pb2.Cart, parse_json(b'{"currency_code":"\\ud800"}'))


def test_text_holds_no_nul() -> None:
    with pytest.raises(MalformedInput, match="currency_code"):
        decode(cart_pb2.Cart, {"currency_code": "a\0"})


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse_json(b"") == {}
