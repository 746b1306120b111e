"""The annotated methods of the contracts, ready to be called: one binding per HTTP rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from buf.validate import validate_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import (
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway.transcoding.decoding import (
    Decoders,
    MalformedInput,
    MalformedParameter,
    parse_json,
)
from gateway.transcoding.encoding import Encoders
from gateway.transcoding.idempotency import KEY_FIELD, fill_key
from gateway.transcoding.query import Convert, QueryReader, converter, is_leaf
from gateway.transcoding.templates import PathTemplate, parse_template


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a path: the field it fills, and its names in either spelling."""

    field: FieldDescriptor
    path: tuple[str, ...]
    camel_path: tuple[str, ...]
    convert: Convert

    def fill(self, found: dict[str, Any], value: str) -> None:
        """Puts a value where it belongs, in place of what a body says there.

        Raises MalformedInput if the body has something else than an object on the way.
        """
        for name, camel_name in zip(self.path[:-1], self.camel_path[:-1], strict=True):
            inner = found.setdefault(name, found.pop(camel_name, {}))
            if type(inner) is not dict:
                raise MalformedInput("must be an object", name)
            found = inner
        found.pop(self.camel_path[-1], None)
        found[self.path[-1]] = self.convert(value)


@dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP rule of one method.

    Attributes:
        verb: HTTP method.
        path: as annotated.
        body: `*`, a field's name, or empty where the request has no body.
        response_body: the one field of the response that is answered; empty for all of it.
        takes_key: whether header Idempotency-Key fills `request_id`.
        needs_key: whether the contract refuses an empty one.
        encode: from the response message to JSON text.
    """

    method: MethodDescriptor
    verb: str
    path: str
    template: PathTemplate
    body: str
    response_body: str
    takes_key: bool
    needs_key: bool
    request_class: type[Message]
    response_class: type[Message]
    variables: tuple[Variable, ...]
    encode: Callable[[Message], str]
    decode: Callable[[Any], Message]
    query: QueryReader

    @property
    def rpc_path(self) -> str:
        """As gRPC calls it: `/package.Service/Method`."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    def request(self, values: Sequence[str], query: str, body: bytes, key: str = "") -> Message:
        """The request message of an HTTP request; path variables win over the body.

        Args:
            values: of the path's variables, decoded.
            query: the query string, still encoded.
            body: the body; read only where the rule has one.
            key: idempotency key of the header; empty for none.

        Raises:
            MalformedInput: it is not a request of this method; a MalformedParameter where that is
                not the body's fault.
        """
        found = self._object(query, body)
        for variable, value in zip(self.variables, values, strict=True):
            variable.fill(found, value)
        if key:
            fill_key(found, key)
        try:
            return self.decode(found)
        except MalformedInput as error:
            if self._is_in_body(error.field):
                raise
            raise MalformedParameter(error.problem, error.field) from None

    def _object(self, query: str, body: bytes) -> dict[str, Any]:
        parameters = parse_qsl(query, keep_blank_values=True) if query else ()
        if self.body == "*":
            if parameters:
                raise MalformedParameter("unknown parameter", parameters[0][0])
            value = parse_json(body)
            if type(value) is not dict:
                raise MalformedInput("must be an object")
            return value
        found = self.query.read(parameters) if parameters else {}
        if self.body:
            found[self.body] = parse_json(body)
        return found

    def _is_in_body(self, field: str) -> bool:
        name = re.split(r"[.\[]", field)[0]
        if self.body == "*":
            return name not in self.template.variables
        return bool(self.body) and name == self.body


def bindings(files: Iterable[FileDescriptor]) -> Iterator[Binding]:
    """The bindings of every annotated method, in the order of the files.

    Raises ValueError for an annotation that is not understood or names no field.
    """
    encoders = Encoders()
    decoders = Decoders()
    for file in files:
        for service in file.services_by_name.values():
            for method in service.methods:
                options = method.GetOptions()
                if not options.HasExtension(annotations_pb2.http):
                    continue
                rule = options.Extensions[annotations_pb2.http]
                for each in (rule, *rule.additional_bindings):
                    yield _bind(method, each, encoders, decoders)


def _bind(
    method: MethodDescriptor, rule: http_pb2.HttpRule, encoders: Encoders, decoders: Decoders
) -> Binding:
    kind = rule.WhichOneof("pattern")
    if kind is None or kind == "custom" or method.client_streaming or method.server_streaming:
        raise ValueError(f"{method.full_name}: this annotation is not served")
    path = getattr(rule, kind)
    template = parse_template(path)
    request, response = method.input_type, method.output_type
    if rule.body not in {"", "*"}:
        _field(method, request.fields_by_name, rule.body)
    key = request.fields_by_name.get(KEY_FIELD)
    takes_key = key is not None and kind != "get" and KEY_FIELD not in template.variables
    return Binding(
        method=method,
        verb=kind.upper(),
        path=path,
        template=template,
        body=rule.body,
        response_body=rule.response_body,
        takes_key=takes_key,
        needs_key=takes_key and key is not None and _refuses_empty(key),
        request_class=GetMessageClass(request),
        response_class=GetMessageClass(response),
        variables=tuple(_variable(method, name) for name in template.variables),
        encode=_encoder(method, rule.response_body, encoders),
        decode=decoders.of(GetMessageClass(request)),
        query=QueryReader(request),
    )


def _encoder(
    method: MethodDescriptor, response_body: str, encoders: Encoders
) -> Callable[[Message], str]:
    response = method.output_type
    if not response_body:
        return encoders.of(GetMessageClass(response))
    field = _field(method, response.fields_by_name, response_body)
    write = encoders.of_field(field)
    return lambda message: write(getattr(message, field.name))


def _variable(method: MethodDescriptor, name: str) -> Variable:
    message, fields = method.input_type, list[FieldDescriptor]()
    for part in name.split("."):
        field = _field(method, message.fields_by_name, part)
        fields.append(field)
        message = field.message_type or message
    if field.is_repeated or not is_leaf(field):
        raise ValueError(f"{field.full_name} cannot stand in a path")
    return Variable(
        field,
        tuple(each.name for each in fields),
        tuple(each.camelcase_name for each in fields),
        converter(field),
    )


def _field(
    method: MethodDescriptor, fields: Mapping[str, FieldDescriptor], name: str
) -> FieldDescriptor:
    if name not in fields:
        raise ValueError(f"{method.full_name}: its annotation names no field: {name}")
    return fields[name]


def _refuses_empty(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    return bool(rules.required or rules.string.min_len)
