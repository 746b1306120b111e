"""Messages to JSON: ProtoJSON with the contract's own field names, compiled per descriptor.

What json_format writes with `preserving_proto_field_name` and
`always_print_fields_with_no_presence`, several times as fast.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from json.encoder import encode_basestring
from typing import Any, TypeAlias, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Write: TypeAlias = Callable[[Any], str]

_SINGLE = struct.Struct("<f")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC is written by hand


class Encoders:
    """The encoders of message types; each is compiled at its first use and kept."""

    def __init__(self) -> None:
        self._messages: dict[Descriptor, Write] = {}

    def of(self, kind: type[Message]) -> Write:
        """The function from a message of this type to JSON text."""
        return self._message(descriptor_of(kind))

    def of_field(self, field: FieldDescriptor) -> Write:
        """The function from a field's value, a list or a map where it is one, to JSON text."""
        entry = map_entry(field)
        if entry is not None:
            return _map(_map_key(entry[0]), self._single(entry[1]))
        return _list(self._single(field)) if field.is_repeated else self._single(field)

    def _message(self, message: Descriptor) -> Write:
        known = self._messages.get(message)
        if known is None:
            # Types may hold themselves: until this one is done, others reach it by name.
            self._messages[message] = lambda value: self._messages[message](value)  # noqa: PLW0108 - later
            known = self._messages[message] = self._compile(message)
        return known

    def _compile(self, message: Descriptor) -> Write:
        if message.full_name == "google.protobuf.Timestamp":
            return _timestamp
        if message.full_name.startswith("google.protobuf."):
            return _well_known
        always: list[tuple[str, str, Write]] = []
        present: list[tuple[str, str, Write]] = []
        for field in message.fields:
            place = present if field.has_presence and not field.is_repeated else always
            place.append((f'"{field.name}":', field.name, self.of_field(field)))
        return _object(tuple(always), tuple(present))

    def _single(self, field: FieldDescriptor) -> Write:
        if field.message_type is not None:
            return self._message(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _bytes
        return _SCALARS[field.cpp_type]


def descriptor_of(kind: type[Message]) -> Descriptor:
    """The descriptor of a message class."""
    return cast("Descriptor", kind.DESCRIPTOR)


def map_entry(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor] | None:
    """The fields of a map's keys and values; None where the field is no map."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None
    return entry.fields_by_name["key"], entry.fields_by_name["value"]


def _object(
    always: tuple[tuple[str, str, Write], ...], present: tuple[tuple[str, str, Write], ...]
) -> Write:
    if not present:

        def encode_plain(message: Message) -> str:
            return "{" + ",".join([p + w(getattr(message, n)) for p, n, w in always]) + "}"

        return encode_plain

    def encode(message: Message) -> str:
        parts = [prefix + write(getattr(message, name)) for prefix, name, write in always]
        parts += [
            prefix + write(getattr(message, name))
            for prefix, name, write in present
            if message.HasField(name)
        ]
        return "{" + ",".join(parts) + "}"

    return encode


def _list(write: Write) -> Write:
    def encode(values: Iterable[Any]) -> str:
        return "[" + ",".join([write(value) for value in values]) + "]"

    return encode


def _map(key: Write, write: Write) -> Write:
    def encode(values: Mapping[Any, Any]) -> str:
        return "{" + ",".join([f"{key(k)}:{write(v)}" for k, v in sorted(values.items())]) + "}"

    return encode


def _map_key(field: FieldDescriptor) -> Write:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return encode_basestring
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: f'"{_bool(key)}"'
    return _large


def _enum(enum: EnumDescriptor) -> Write:
    names = {value.number: f'"{value.name}"' for value in reversed(enum.values)}
    return lambda number: names.get(number) or str(number)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _large(value: int) -> str:
    return f'"{value}"'


def _bytes(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode()}"'


def _double(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def _float(value: float) -> str:
    if not math.isfinite(value):
        return _double(value)
    # The shortest decimal that is this single-precision number again.
    decimals = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return repr(next((d for d in decimals if _SINGLE.unpack(_SINGLE.pack(d))[0] == value), value))


def _timestamp(value: Any) -> str:
    whole = _EPOCH + timedelta(seconds=value.seconds)
    return f'"{whole.isoformat()}{_fraction(value.nanos)}Z"'


def _fraction(nanos: int) -> str:
    if nanos == 0:
        return ""
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03}"
    return f".{nanos // 1_000:06}" if nanos % 1_000 == 0 else f".{nanos:09}"


def _well_known(message: Message) -> str:
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False)


_SCALARS: Mapping[int, Write] = {
    FieldDescriptor.CPPTYPE_STRING: encode_basestring,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_INT32: str,
    FieldDescriptor.CPPTYPE_UINT32: str,
    FieldDescriptor.CPPTYPE_INT64: _large,
    FieldDescriptor.CPPTYPE_UINT64: _large,
}
