"""JSON to messages: ProtoJSON in either spelling of field names, compiled per descriptor.

A decoder turns parsed JSON into the keyword arguments of the message's constructor; one call of
it then builds the whole tree. What json_format accepts is accepted, what it refuses is refused,
except that unknown fields are always refused, a number is never taken for a string, and text does
not hold U+0000, which no database of ours can keep.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.transcoding.encoding import descriptor_of, map_entry

Read: TypeAlias = Callable[[Any], Any]
M = TypeVar("M", bound=Message)

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_MAX = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]


class MalformedInput(ValueError):
    """Input that is no JSON of the message: what is wrong, and at which field (may be empty)."""

    def __init__(self, problem: str, field: str = "") -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.problem = problem
        self.field = field

    def below(self, name: str) -> MalformedInput:
        """The same, seen from one level higher."""
        separator = "." if self.field and not self.field.startswith("[") else ""
        return MalformedInput(self.problem, f"{name}{separator}{self.field}")


class MalformedParameter(MalformedInput):
    """The same of a parameter, in the path or the query."""


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; an empty one is an empty object. Raises MalformedInput."""
    if not body:
        return {}
    try:
        return _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, MalformedInput):
            raise
        raise MalformedInput("not valid JSON") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedInput("a name stands twice in one object")
    return found


def _refuse_constant(text: str) -> Any:
    raise MalformedInput(f"{text} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    read: Read
    oneof: str | None


class Decoders:
    """The decoders of message types; each is compiled at its first use and kept."""

    def __init__(self) -> None:
        self._messages: dict[Descriptor, Read] = {}

    def of(self, kind: type[M]) -> Callable[[Any], M]:
        """The function from parsed JSON to a message of this type; it raises MalformedInput."""
        arguments = self._arguments(descriptor_of(kind))

        def decode(value: Any) -> M:
            found = arguments(value)
            try:
                return found if isinstance(found, kind) else kind(**found)
            except ValueError as error:  # a lone surrogate is JSON but no string
                raise MalformedInput("a string is not Unicode text") from error

        return decode

    def _arguments(self, message: Descriptor) -> Read:
        known = self._messages.get(message)
        if known is None:
            # Types may hold themselves: until this one is done, others reach it by name.
            self._messages[message] = lambda value: self._messages[message](value)  # noqa: PLW0108 - later
            known = self._messages[message] = self._compile(message)
        return known

    def _compile(self, message: Descriptor) -> Read:
        if message.full_name.startswith("google.protobuf."):
            return _well_known(message)
        slots: dict[str, _Slot] = {}
        for field in message.fields:
            oneof = field.containing_oneof
            slot = _Slot(field.name, self._field(field), oneof.name if oneof else None)
            slots[field.name] = slots[field.camelcase_name] = slot
        return _object(slots)

    def _field(self, field: FieldDescriptor) -> Read:
        entry = map_entry(field)
        if entry is not None:
            return _map(_map_key(entry[0]), self._single(entry[1]))
        return _list(self._single(field)) if field.is_repeated else self._single(field)

    def _single(self, field: FieldDescriptor) -> Read:
        if field.message_type is not None:
            return self._arguments(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _bytes
        return _SCALARS[field.cpp_type]


def _object(slots: Mapping[str, _Slot]) -> Read:
    def decode(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise MalformedInput("must be an object")
        found: dict[str, Any] = {}
        oneofs: set[str] | None = None
        for name, given in value.items():
            slot = slots.get(name)
            if slot is None:
                raise MalformedInput("unknown field", name)
            if slot.name in found:
                raise MalformedInput("given twice", slot.name)
            if given is None:
                continue
            if slot.oneof is not None:
                oneofs = oneofs or set()
                if slot.oneof in oneofs:
                    raise MalformedInput("another of its kind is given too", slot.name)
                oneofs.add(slot.oneof)
            try:
                found[slot.name] = slot.read(given)
            except MalformedInput as error:
                raise error.below(slot.name) from None
        return found

    return decode


def _list(read: Read) -> Read:
    def decode(values: Any) -> list[Any]:
        if type(values) is not list:
            raise MalformedInput("must be an array")
        found = []
        for index, value in enumerate(values):
            try:
                found.append(read(_not_null(value)))
            except MalformedInput as error:
                raise error.below(f"[{index}]") from None
        return found

    return decode


def _map(key: Read, read: Read) -> Read:
    def decode(values: Any) -> dict[Any, Any]:
        if type(values) is not dict:
            raise MalformedInput("must be an object")
        found = {}
        for name, value in values.items():
            try:
                found[key(name)] = read(_not_null(value))
            except MalformedInput as error:
                raise error.below(f"[{name}]") from None
        return found

    return decode


def _not_null(value: Any) -> Any:
    if value is None:
        raise MalformedInput("must not be null")
    return value


def _map_key(field: FieldDescriptor) -> Read:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _bool_text
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _string
    return _SCALARS[field.cpp_type]


def _bool_text(value: str) -> bool:
    if value not in {"true", "false"}:
        raise MalformedInput("must be true or false")
    return value == "true"


def _string(value: Any) -> str:
    if type(value) is not str:
        raise MalformedInput("must be a string")
    if "\0" in value:
        raise MalformedInput("must not hold the character U+0000")
    return value


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise MalformedInput("must be true or false")
    return value


def _integer(lowest: int, highest: int) -> Read:
    def decode(value: Any) -> int:
        if type(value) is not int:
            value = _whole(value)
        if not lowest <= value <= highest:
            raise MalformedInput("is out of range")
        return int(value)

    return decode


def _whole(value: Any) -> int:
    if type(value) is str and value.strip() == value and "_" not in value and len(value) <= 40:
        try:
            return int(value)
        except ValueError:
            value = _number(value)
    if type(value) is float and value.is_integer():
        return int(value)
    raise MalformedInput("must be an integer")


def _number(value: str) -> float:
    if "_" in value or value.strip() != value or value.lower().lstrip("+-")[:1] in {"i", "n"}:
        raise MalformedInput("must be a number")
    try:
        return float(value)
    except ValueError:
        raise MalformedInput("must be a number") from None


def _double(value: Any) -> float:
    if type(value) is str:
        return _SPECIAL[value] if value in _SPECIAL else _finite(_number(value))
    if type(value) not in {int, float}:
        raise MalformedInput("must be a number")
    return _finite(value)


def _finite(value: float) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if math.isinf(found):
        raise MalformedInput("is out of range")
    return found


def _float(value: Any) -> float:
    found = _double(value)
    if math.isfinite(found) and abs(found) > _FLOAT_MAX:
        raise MalformedInput("is out of range")
    return found


def _bytes(value: Any) -> bytes:
    if type(value) is not str:
        raise MalformedInput("must be base64 text")
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        raise MalformedInput("must be base64 text") from None


def _enum(enum: EnumDescriptor) -> Read:
    numbers = {value.name: value.number for value in enum.values}

    def decode(value: Any) -> int:
        if type(value) is int and -(2**31) <= value < 2**31:
            return value
        if type(value) is not str or value not in numbers:
            raise MalformedInput(f"must be one of {', '.join(numbers)}")
        return numbers[value]

    return decode


_FORMS = {
    "google.protobuf.Timestamp": "a time such as 2026-01-01T12:00:00Z",
    "google.protobuf.Duration": "a number of seconds such as 1.5s",
}


def _well_known(message: Descriptor) -> Read:
    kind = GetMessageClass(message)
    form = _FORMS.get(message.full_name, f"a {message.name} in its JSON form")

    def decode(value: Any) -> Message:
        try:
            return json_format.ParseDict(value, kind())
        except (json_format.ParseError, TypeError, ValueError) as error:
            raise MalformedInput(f"must be {form}") from error

    return decode


_SCALARS: Mapping[int, Read] = {
    FieldDescriptor.CPPTYPE_STRING: _string,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_INT32: _integer(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: _integer(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integer(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integer(0, 2**64 - 1),
}
