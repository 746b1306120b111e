"""Message types and random messages of them."""

from __future__ import annotations

import math
import string
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from gateway.transcoding.encoding import map_entry

F = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "double": F.TYPE_DOUBLE,
    "float": F.TYPE_FLOAT,
    "int64": F.TYPE_INT64,
    "uint64": F.TYPE_UINT64,
    "int32": F.TYPE_INT32,
    "fixed64": F.TYPE_FIXED64,
    "fixed32": F.TYPE_FIXED32,
    "bool": F.TYPE_BOOL,
    "string": F.TYPE_STRING,
    "bytes": F.TYPE_BYTES,
    "uint32": F.TYPE_UINT32,
    "sint32": F.TYPE_SINT32,
    "sint64": F.TYPE_SINT64,
}


def every_kind() -> type[Message]:
    """A message that holds every kind of field, and itself."""
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, wrappers_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        pool.Add(file)
    file = descriptor_pb2.FileDescriptorProto(
        name="every_kind.proto", package="tests", syntax="proto3"
    )
    file.dependency.extend([timestamp_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name])
    enum = file.enum_type.add(name="Colour")
    for number, name in enumerate(("COLOUR_UNSPECIFIED", "COLOUR_RED", "COLOUR_BLUE")):
        enum.value.add(name=name, number=number)
    message = file.message_type.add(name="EveryKind")
    add = _Adder(message)
    for name, kind in SCALARS.items():
        add(f"one_{name}", kind)
        add(f"many_{name}", kind, label=F.LABEL_REPEATED)
    add("maybe_int32", F.TYPE_INT32, optional=True)
    add("one_colour", F.TYPE_ENUM, type_name=".tests.Colour")
    add("many_colour", F.TYPE_ENUM, F.LABEL_REPEATED, type_name=".tests.Colour")
    add("itself", F.TYPE_MESSAGE, type_name=".tests.EveryKind")
    add("when", F.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp")
    add("wrapped", F.TYPE_MESSAGE, type_name=".google.protobuf.StringValue")
    message.oneof_decl.add(name="either")
    add("either_text", F.TYPE_STRING, oneof=0)
    add("either_number", F.TYPE_INT64, oneof=0)
    for key in ("string", "int64", "bool"):
        add.map(f"by_{key}", SCALARS[key])
    # protoc lists the oneofs of optional fields last.
    message.oneof_decl.add(name="_maybe_int32")
    message.field[2 * len(SCALARS)].oneof_index = 1
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("tests.EveryKind"))


class _Adder:
    def __init__(self, message: descriptor_pb2.DescriptorProto) -> None:
        self._message = message

    def __call__(
        self,
        name: str,
        kind: F.Type.ValueType,
        label: F.Label.ValueType = F.LABEL_OPTIONAL,
        type_name: str | None = None,
        *,
        optional: bool = False,
        oneof: int | None = None,
    ) -> None:
        field = self._message.field.add(
            name=name, number=len(self._message.field) + 1, type=kind, label=label
        )
        if type_name is not None:
            field.type_name = type_name
        if oneof is not None:
            field.oneof_index = oneof
        field.proto3_optional = optional

    def map(self, name: str, key: F.Type.ValueType) -> None:
        entry = self._message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=key, label=F.LABEL_OPTIONAL)
        entry.field.add(
            name="value",
            number=2,
            type=F.TYPE_MESSAGE,
            label=F.LABEL_OPTIONAL,
            type_name=".tests.EveryKind",
        )
        full = f".tests.EveryKind.{entry.name}"
        self(name, F.TYPE_MESSAGE, F.LABEL_REPEATED, full)


NAMES = st.text(alphabet=string.ascii_letters + 'é"\\\n \u2028☕😀', max_size=8)
NUMBERS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    # json_format does not read its own shortest form of the largest ones.
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(-(2.0**99), 2.0**99, width=32)
    | st.sampled_from([math.inf, -math.inf, math.nan]),
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


def messages(kind: type[Message], depth: int = 1) -> st.SearchStrategy[Message]:
    """Random messages, nested at most `depth` deep."""
    return arguments(kind.DESCRIPTOR, depth).map(lambda found: kind(**found))


@cache
def arguments(message: Descriptor, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    taken: set[str] = set()
    for field in message.fields:
        if field.containing_oneof is not None and field.containing_oneof.name in taken:
            continue
        value = values(field, depth)
        if value is not None:
            taken |= {field.containing_oneof.name} if field.containing_oneof else set()
            fields[field.name] = value
    return st.fixed_dictionaries({}, optional=fields)


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any] | None:
    entry = map_entry(field)
    if entry is not None:
        key, value = single(entry[0], depth), single(entry[1], depth - 1)
        return None if key is None or value is None else st.dictionaries(key, value, max_size=2)
    value = single(field, depth - 1 if field.message_type else depth)
    return st.lists(value, max_size=3) if value is not None and field.is_repeated else value


def single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any] | None:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            seconds = st.integers(-62135596800, 253402300799)
            return st.builds(dict, seconds=seconds, nanos=nanoseconds())
        return arguments(field.message_type, depth) if depth >= 0 else None
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=6)
    return NUMBERS.get(field.cpp_type, NAMES)


def nanoseconds() -> st.SearchStrategy[int]:
    scale = st.sampled_from([1, 1000, 1_000_000])
    return st.tuples(scale, st.integers(0, 999)).map(lambda found: found[0] * found[1])
