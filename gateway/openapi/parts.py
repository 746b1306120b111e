"""What descriptions of operations are put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.problems import MEDIA_TYPE
from gateway.realtime import sse
from gateway.transcoding.endpoint import REPLAYED
from gateway.transcoding.idempotency import HEADER, LONGEST

Json = dict[str, Any]

CURSOR: Json = {"type": "string", "pattern": "^[0-9]{1,2}-[0-9]{1,18}$"}
SECURITY: list[Json] = [{"bearer": []}, {"guest_cookie": []}, {"staff_cookie": []}]
_SELECTED = (
    "Set by `{path}`, with the prefix `__Host-` but on http://localhost. A browser that holds"
    " several names one, `{kind}-{{slug}}`, by the header `x-maitred-credential` or the query"
    " parameter `credential`. Unsafe methods need the `Origin` of our own pages."
)
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`mk_…`) or a guest's access token.",
    },
    "guest_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "maitred-guest-{slug}",
        "description": _SELECTED.format(kind="guest", path="POST /api/v1/auth/guest"),
    },
    "staff_cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "maitred-staff-{slug}",
        "description": _SELECTED.format(kind="staff", path="POST /api/v1/auth/session"),
    },
}
PROBLEM: Json = {
    "type": "object",
    "description": "A failure (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "reason", "metadata"],
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
PROBLEM_RESPONSE: Json = {
    "description": "A failure.",
    "headers": {
        "retry-after": {
            "description": "Seconds after which to try again, where that makes sense.",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def parameter(place: str, name: str, schema: Json, *, required: bool = False) -> Json:
    """A parameter in `place` (path, query, header); its description is the schema's."""
    described = {key: value for key, value in schema.items() if key != "description"}
    found: Json = {"name": name, "in": place, "schema": described}
    if "description" in schema:
        found["description"] = schema["description"]
    return found | ({"required": True} if required else {})


def key_parameter(*, required: bool) -> Json:
    """The header Idempotency-Key."""
    schema = {
        "description": "Makes the request count once, however often it is sent within 24 hours.",
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST,
    }
    return parameter("header", HEADER, schema, required=required)


def body(schema: Json) -> Json:
    """A JSON body that must be there."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def responses(*, keyed: bool = False, **content: Json) -> Json:
    """What a good answer holds, as `json` or as a `stream` of events, and the problem otherwise.

    Args:
        keyed: whether the answer may be a stored one.
        content: schemas by `json` and `stream`.
    """
    media_types = {"json": "application/json", "stream": sse.MEDIA_TYPE}
    good: Json = {
        "description": "Done.",
        "content": {media_types[kind]: {"schema": schema} for kind, schema in content.items()},
    }
    if keyed:
        good["headers"] = {
            REPLAYED: {
                "description": "The key was answered before, with this.",
                "schema": {"const": "true"},
            }
        }
    return {"200": good, "default": {"$ref": "#/components/responses/Problem"}}


def event_stream(description: str, events: Iterable[Json]) -> Json:
    """A sequence of server-sent events, each of one of these kinds."""
    return {"description": description, "type": "array", "items": {"oneOf": list(events)}}


def event(name: str, data: Mapping[str, Any], *, resumable: bool = False) -> Json:
    """One kind of server-sent event: its name, the schema of its JSON, whether it has an id."""
    properties: Json = {
        "event": {"const": name},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": dict(data),
        },
    }
    if resumable:
        properties["id"] = CURSOR
    return {
        "title": name,
        "type": "object",
        "required": [*properties],
        "properties": properties,
    }
