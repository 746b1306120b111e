"""The OpenAPI 3.1 description of everything under `/api/v1`, made of the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor import Descriptor

from gateway.exchange import Answer, Exchange, json_answer
from gateway.problems import MEDIA_TYPE
from gateway.realtime import sse
from gateway.surfaces import auth, chat, events
from gateway.transcoding.bindings import KEY_FIELD, Binding
from gateway.transcoding.query import is_leaf

Json = dict[str, Any]

_SECURITY: list[Json] = [{"bearer": []}, {"guest_cookie": []}, {"staff_cookie": []}]
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`mk_…`) or a guest's access token.",
    },
    "guest_cookie": {"type": "apiKey", "in": "cookie", "name": "maitred-guest-{slug}"},
    "staff_cookie": {"type": "apiKey", "in": "cookie", "name": "maitred-staff-{slug}"},
}
_PROBLEM = {
    "type": "object",
    "description": "A failure (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "reason"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people; never parsed."},
        "instance": {"type": "string", "description": "The request id."},
        "reason": {"type": "string", "description": "A maitred.errors.v1.ErrorReason."},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
    },
}
_TENANT = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("tenant_id", "slug", "display_name")},
}


class OpenApi:
    """The endpoint of the document, which is made at its first use."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._bindings = tuple(bindings)

    async def answer(self, _exchange: Exchange) -> Answer:
        """The document."""
        return json_answer(self._text)

    @cached_property
    def document(self) -> Json:
        """The document as JSON values."""
        contracts = json.loads(files("maitred").joinpath("contracts.json").read_text("utf-8"))
        paths: dict[str, Json] = {}
        for binding in self._bindings:
            operation = _operation(binding, contracts)
            paths.setdefault(binding.path, {})[binding.verb.lower()] = operation
        for path, method, operation in _surfaces(contracts):
            paths.setdefault(path, {})[method] = operation
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Maitred",
                "version": version("maitred"),
                "summary": "The back of house for agents that sell.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": _SECURITY,
            "paths": paths,
            "components": {
                "schemas": {**contracts["schemas"], "Problem": _PROBLEM},
                "securitySchemes": _SECURITY_SCHEMES,
            },
        }

    @cached_property
    def _text(self) -> str:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))


def _operation(binding: Binding, contracts: Mapping[str, Any]) -> Json:
    method = binding.method
    comment = contracts["comments"].get(method.full_name, "")
    schemas = contracts["schemas"]
    operation: Json = {
        "operationId": f"{method.containing_service.name}.{method.name}",
        "tags": [method.containing_service.name],
        "summary": comment.partition(". ")[0].rstrip("."),
        "description": comment,
        "parameters": _parameters(binding, schemas),
        "responses": _responses(_answered(binding, schemas)),
    }
    if binding.body:
        schema = _taken(binding, schemas)
        operation["requestBody"] = {"required": True, "content": {"application/json": schema}}
    return operation


def _parameters(binding: Binding, schemas: Json) -> list[Json]:
    fields = schemas[binding.method.input_type.name].get("properties", {})
    found = [
        _parameter("path", variable.name, fields[variable.name], required=True)
        for variable in binding.variables
    ]
    if binding.body != "*":
        named = {variable.name for variable in binding.variables} | {binding.body}
        found += [
            _parameter("query", name, schema)
            for name, schema in _query(binding.method.input_type, schemas)
            if name.partition(".")[0] not in named
        ]
    if binding.takes_key:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append(_parameter("header", "Idempotency-Key", key, required=binding.needs_key))
    return found


def _query(message: Descriptor, schemas: Json, prefix: str = "") -> Iterable[tuple[str, Json]]:
    for field in message.fields:
        name = prefix + field.name
        if is_leaf(field):
            yield name, schemas[message.name]["properties"][field.name]
        elif field.message_type is not None and not field.is_repeated and not prefix:
            yield from _query(field.message_type, schemas, f"{name}.")


def _parameter(place: str, name: str, schema: Json, *, required: bool = False) -> Json:
    described = {key: value for key, value in schema.items() if key != "description"}
    parameter: Json = {"name": name, "in": place, "schema": described}
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter | ({"required": True} if required else {})


def _taken(binding: Binding, schemas: Json) -> Json:
    message = binding.method.input_type
    if binding.body != "*":
        return {"schema": schemas[message.name]["properties"][binding.body]}
    apart = {variable.name for variable in binding.variables}
    if binding.takes_key:
        apart.add(KEY_FIELD)
    if not apart:
        return {"schema": {"$ref": f"#/components/schemas/{message.name}"}}
    whole = schemas[message.name]
    required = [name for name in whole.get("required", []) if name not in apart]
    schema = {
        "type": "object",
        "properties": {
            name: field for name, field in whole["properties"].items() if name not in apart
        },
    }
    return {"schema": schema | ({"required": required} if required else {})}


def _answered(binding: Binding, schemas: Json) -> Json:
    message = binding.method.output_type
    if binding.response_body:
        schema: Json = schemas[message.name]["properties"][binding.response_body]
        return schema
    return {"$ref": f"#/components/schemas/{message.name}"}


def _responses(schema: Json, media_type: str = "application/json") -> Json:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "200": {"description": "Done.", "content": {media_type: {"schema": schema}}},
        "default": {"description": "A failure.", "content": {MEDIA_TYPE: problem}},
    }


def _surfaces(contracts: Mapping[str, Any]) -> Iterable[tuple[str, str, Json]]:
    """What no annotation describes."""
    turn = contracts["schemas"]["Turn"]["properties"]
    answered = {name: turn[name] for name in chat.ANSWERED}
    answered["order"] = {"anyOf": [turn["order"], {"type": "null"}]}
    session = {"type": "string", "pattern": "^ses_[0-9a-f]{32}$"}
    text = {"type": "string", "minLength": 1, "maxLength": 2000}
    message = {
        "type": "object",
        "required": ["text"],
        "properties": {"text": text, "request_id": {"type": "string", "maxLength": 255}},
    }
    responses = _responses({"type": "object", "properties": answered})
    stream = {"schema": {"type": "string"}}
    responses["200"]["content"][sse.MEDIA_TYPE] = stream
    yield (
        chat.PATH,
        "post",
        {
            "operationId": "ChatService.Chat",
            "tags": ["ChatService"],
            "summary": "Answers one message of a conversation",
            "description": contracts["comments"]["maitred.coordinator.v1.ChatService.Chat"],
            "parameters": [
                _parameter("path", "session_id", session, required=True),
                _parameter("header", "Idempotency-Key", {"type": "string"}),
            ],
            "requestBody": _body(message),
            "responses": responses,
        },
    )
    yield (
        events.PATH,
        "get",
        {
            "operationId": "Events",
            "tags": ["Events"],
            "summary": "Streams the tenant's events; a guest's own",
            "parameters": [
                _parameter("header", "Last-Event-ID", {"type": "string"}),
                _parameter("query", "cursor", {"type": "string"}),
            ],
            "responses": _responses({"type": "string"}, sse.MEDIA_TYPE),
        },
    )
    given: Json = {
        "principal_id": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"},
        "tenant": _TENANT,
    }
    yield (
        auth.GUEST_PATH,
        "post",
        {
            "operationId": "Auth.Guest",
            "tags": ["Auth"],
            "summary": "Makes the caller a guest of a tenant",
            "security": [],
            "requestBody": _body(
                {
                    "type": "object",
                    "required": ["tenant"],
                    "properties": {"tenant": {"type": "string", "description": "Its slug."}},
                }
            ),
            "responses": _responses(
                {"type": "object", "properties": {"access_token": {"type": "string"}, **given}}
            ),
        },
    )
    roles = {"type": "array", "items": {"type": "string"}}
    yield (
        auth.SESSION_PATH,
        "post",
        {
            "operationId": "Auth.Session",
            "tags": ["Auth"],
            "summary": "Trades an API key for a cookie",
            "security": [{"bearer": []}],
            "responses": _responses({"type": "object", "properties": {"roles": roles, **given}}),
        },
    )


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}
