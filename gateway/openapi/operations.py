"""Descriptions of the annotated methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from gateway.openapi.parts import Json, body, key_parameter, parameter, responses
from gateway.transcoding.bindings import Binding, Variable
from gateway.transcoding.idempotency import KEY_FIELD
from gateway.transcoding.query import is_leaf


def operation(binding: Binding, contracts: Mapping[str, Any]) -> Json:
    """The operation of one HTTP rule; `contracts` is the content of `contracts.json`."""
    method = binding.method
    comment = contracts["comments"].get(method.full_name, "")
    schemas = contracts["schemas"]
    found: Json = {
        "operationId": f"{method.containing_service.name}.{method.name}",
        "tags": [method.containing_service.name],
        "summary": comment.partition(". ")[0].rstrip("."),
        "description": comment,
        "parameters": _parameters(binding, schemas),
        "responses": responses(json=_answered(binding, schemas), keyed=binding.takes_key),
    }
    if binding.body:
        found["requestBody"] = body(_taken(binding, schemas))
    return found


def without(schema: Json, names: Iterable[str]) -> Json:
    """The schema of an object with some of its fields left out."""
    apart = frozenset(names)
    found = {
        "type": "object",
        "properties": {
            name: field for name, field in schema["properties"].items() if name not in apart
        },
    }
    required = [name for name in schema.get("required", []) if name not in apart]
    return found | ({"required": required} if required else {})


def _parameters(binding: Binding, schemas: Json) -> list[Json]:
    found = [
        parameter("path", ".".join(variable.path), _schema(variable, schemas), required=True)
        for variable in binding.variables
    ]
    if binding.body != "*":
        named = {variable.path[0] for variable in binding.variables} | {binding.body}
        found += [
            parameter("query", name, schema, required=required)
            for name, schema, required in _query(binding.method.input_type, schemas)
            if name.partition(".")[0] not in named
        ]
    if binding.takes_key:
        found.append(key_parameter(required=binding.needs_key))
    return found


def _schema(variable: Variable, schemas: Json) -> Json:
    # Only extensions have none.
    message: Descriptor = variable.field.containing_type  # type: ignore[assignment]
    found: Json = schemas[message.name]["properties"][variable.field.name]
    return found


def _query(
    message: Descriptor, schemas: Json, prefix: str = ""
) -> Iterable[tuple[str, Json, bool]]:
    described = schemas[message.name]
    for field in message.fields:
        name = prefix + field.name
        if is_leaf(field):
            required = not prefix and field.name in described.get("required", ())
            yield name, described["properties"][field.name], required
        elif field.message_type is not None and not field.is_repeated and not prefix:
            yield from _query(field.message_type, schemas, f"{name}.")


def _taken(binding: Binding, schemas: Json) -> Json:
    message = binding.method.input_type
    if binding.body != "*":
        field: Json = schemas[message.name]["properties"][binding.body]
        return field
    apart = {variable.path[0] for variable in binding.variables}
    if binding.takes_key:
        apart.add(KEY_FIELD)
    if not apart:
        return {"$ref": f"#/components/schemas/{message.name}"}
    return without(schemas[message.name], apart)


def _answered(binding: Binding, schemas: Json) -> Json:
    message = binding.method.output_type
    if binding.response_body:
        field: Json = schemas[message.name]["properties"][binding.response_body]
        return field
    return {"$ref": f"#/components/schemas/{message.name}"}
