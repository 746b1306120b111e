"""Query parameters as the JSON they stand for: `?page_size=5&cart.lines=…` by field paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.transcoding.decoding import MalformedParameter

Convert: TypeAlias = Callable[[str], Any]

_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Parameter:
    path: tuple[str, ...]
    convert: Convert
    repeated: bool


class QueryReader:
    """Reads query parameters of one message type; names are found once and kept."""

    def __init__(self, message: Descriptor) -> None:
        self._message = message
        self._known: dict[str, _Parameter] = {}

    def read(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """The JSON object that the parameters spell.

        Nested fields are named by dotted paths, repeated ones given several times; enums by name
        or number, messages such as Timestamp in their JSON form. Raises MalformedParameter for a
        name the message does not have and for a single field given twice.
        """
        found: dict[str, Any] = {}
        for name, text in pairs:
            parameter = self._known.get(name) or self._find(name)
            *parents, last = parameter.path
            place = found
            for parent in parents:
                place = place.setdefault(parent, {})
            if parameter.repeated:
                place.setdefault(last, []).append(parameter.convert(text))
            elif last in place:
                raise MalformedParameter("given twice", name)
            else:
                place[last] = parameter.convert(text)
        return found

    def _find(self, name: str) -> _Parameter:
        message: Descriptor | None = self._message
        path: list[str] = []
        field: FieldDescriptor | None = None
        for part in name.split("."):
            field = field_named(message, part) if message is not None else None
            if field is None:
                raise MalformedParameter("unknown parameter", name)
            path.append(field.name)
            message = None if field.is_repeated or is_leaf(field) else field.message_type
        if field is None or not is_leaf(field):
            raise MalformedParameter("unknown parameter", name)
        parameter = _Parameter(tuple(path), converter(field), field.is_repeated)
        self._known[name] = parameter
        return parameter


def field_named(message: Descriptor, name: str) -> FieldDescriptor | None:
    """The field of either spelling."""
    return message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)


def is_leaf(field: FieldDescriptor) -> bool:
    """Whether one piece of text can be its value: no message but the well-known ones."""
    kind = field.message_type
    return kind is None or kind.full_name.startswith("google.protobuf.")


def converter(field: FieldDescriptor) -> Convert:
    """From a parameter's text to JSON; what is wrong with it is the decoder's to say."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda text: _BOOLEANS.get(text, text)
    if field.enum_type is not None:
        return lambda text: int(text) if text.isascii() and text.isdigit() else text
    return str
