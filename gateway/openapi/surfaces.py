"""Descriptions of the surfaces: what no annotation says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.openapi.operations import without
from gateway.openapi.parts import (
    CURSOR,
    Json,
    body,
    event,
    event_stream,
    key_parameter,
    parameter,
    responses,
)
from gateway.realtime.feeds import TYPE
from gateway.surfaces import auth, chat, events, workers

_TENANT: Json = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("tenant_id", "slug", "display_name")},
}
_GIVEN: Json = {
    "principal_id": {"type": "string"},
    "expires_at": {"type": "string", "format": "date-time"},
    "tenant": _TENANT,
}

_MESSAGE: Json = {
    "type": "object",
    "required": ["id", "type", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^msg_[0-9a-f]{32}$"},
        "type": {"type": "string"},
        "data": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}

_ENVELOPES = {
    name: f"{name.capitalize()}Event"
    for name in ("order", "feedback", "recommendation", "session", "trust", "index", "tenant")
}


def surfaces(contracts: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation of each; `contracts` is the content of `contracts.json`."""
    yield chat.PATH, "post", _chat(contracts)
    yield workers.PATH, "get", _workers(contracts)
    yield events.PATH, "get", _events()
    yield auth.GUEST_PATH, "post", _guest()
    yield auth.SESSION_PATH, "post", _session()


def _workers(contracts: Mapping[str, Any]) -> Json:
    state = contracts["schemas"]["GetWorkersResponse"]
    described = responses(json=state)
    return {
        "operationId": "JobService.GetWorkers",
        "tags": ["JobService"],
        "summary": "Tells which workers live and what waits",
        "description": contracts["comments"]["maitred.jobs.v1.JobService.GetWorkers"],
        "responses": {
            **described,
            "503": {**described["200"], "description": "Some queue has no live worker."},
        },
    }


def _chat(contracts: Mapping[str, Any]) -> Json:
    schemas = contracts["schemas"]
    request, turn = schemas["ChatRequest"], schemas["Turn"]["properties"]
    answered = {name: turn[name] for name in chat.ANSWERED}
    answered["order"] = {"anyOf": [turn["order"], {"type": "null"}]}
    told = {
        **schemas["ChatResponse"]["properties"],
        "error": {"$ref": "#/components/schemas/Problem"},
    }
    return {
        "operationId": "ChatService.Chat",
        "tags": ["ChatService"],
        "summary": "Answers one message of a conversation",
        "description": contracts["comments"]["maitred.coordinator.v1.ChatService.Chat"],
        "parameters": [
            parameter("path", "session_id", request["properties"]["session_id"], required=True),
            key_parameter(required=False),
        ],
        "requestBody": body(without(request, {"session_id", "end_only"})),
        "responses": responses(
            keyed=True,
            json={"type": "object", "required": [*answered], "properties": answered},
            stream=event_stream(
                "With `Accept: text/event-stream` the answer as it is made. The last event is"
                " `done` or `error`; there are no ids: after a drop the turn is read by its"
                " request id.",
                (event(name, schema) for name, schema in told.items()),
            ),
        ),
    }


def _events() -> Json:
    cursor = {"type": "object", "required": ["cursor"], "properties": {"cursor": CURSOR}}
    names = ("reason", "detail")
    cut_off = {
        "type": "object",
        "required": [*names],
        "properties": {name: {"type": "string"} for name in names},
    }
    return {
        "operationId": "Events",
        "tags": ["Events"],
        "summary": "Streams the tenant's events; a guest's own",
        "description": (
            "Events as they happen, from where the client left off. An order's event comes with"
            " each change of its status. A comment every 15 s shows that the stream lives."
        ),
        "parameters": [
            parameter(
                "header",
                "Last-Event-ID",
                {**CURSOR, "description": "The last id seen; what came after it is sent first."},
            ),
            parameter(
                "query",
                "cursor",
                {**CURSOR, "description": "The same, for clients that cannot send the header."},
            ),
            parameter(
                "query",
                "types",
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": TYPE.pattern},
                    "description": "CloudEvents types, such as maitred.order.v1; all by default.",
                },
            ),
        ],
        "responses": responses(
            stream=event_stream(
                "`order` tells of an order, `feedback` of a rating, `recommendation` of what an"
                " agent did, `session` of a conversation left, `trust` of an agent's standing,"
                " `index` of what can be found; `reset` that events before its cursor are no"
                " longer kept; `message` is what somebody sent to this user; `cutoff` is the last"
                " event of a stream that was read too slowly.",
                (
                    *(
                        event(name, {"$ref": f"#/components/schemas/{schema}"}, resumable=True)
                        for name, schema in _ENVELOPES.items()
                    ),
                    event("reset", cursor, resumable=True),
                    event("message", _MESSAGE),
                    event("cutoff", cut_off),
                ),
            )
        ),
    }


def envelopes() -> Mapping[str, Json]:
    """The CloudEvents 1.0 object of each event, by the name of its schema."""
    return {schema: _envelope(name) for name, schema in _ENVELOPES.items()}


def _envelope(name: str) -> Json:
    return {
        "type": "object",
        "description": "A CloudEvents 1.0 object.",
        "required": [
            *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data")
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
            "source": {"type": "string"},
            "type": {"const": f"maitred.{name}.v1"},
            "subject": {"type": "string", "description": "What it is about."},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": f"#/components/schemas/{name.capitalize()}V1"},
        },
    }


def _guest() -> Json:
    given = {"access_token": {"type": "string"}, **_GIVEN}
    slug = {"type": "string", "minLength": 1, "description": "Its slug."}
    return {
        "operationId": "Auth.Guest",
        "tags": ["Auth"],
        "summary": "Makes the caller a guest of a tenant",
        "security": [],
        "requestBody": body(
            {"type": "object", "required": ["tenant"], "properties": {"tenant": slug}}
        ),
        "responses": responses(
            json={"type": "object", "required": [*given], "properties": given},
        ),
    }


def _session() -> Json:
    given = {"roles": {"type": "array", "items": {"type": "string"}}, **_GIVEN}
    return {
        "operationId": "Auth.Session",
        "tags": ["Auth"],
        "summary": "Trades an API key for a cookie",
        "security": [{"bearer": []}],
        "responses": responses(
            json={"type": "object", "required": [*given], "properties": given},
        ),
    }
