"""Descriptions of the WebSockets, as far as OpenAPI has words for them, and of their tickets."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.openapi.parts import CURSOR, Json, parameter, responses
from gateway.surfaces import auth, websockets

_SAID = (
    "Every message is a JSON object in a text frame, with `type` and `id`. A client sends `auth`"
    " {token}, `subscribe` {id, types, principal_id, cursor}, `unsubscribe` {id}, `ping` and"
    " `pong`; it hears `hello`, `subscribed`, `event` {cursor, event}, `reset` {cursor},"
    " `unsubscribed`, `message`, `pong`, `ping` and `error`, whose `error` is a Problem. It shows"
    " who it is by `ticket`, `Authorization`, a cookie from our own pages, or by `auth` as its"
    " first message within 5 s. Closed with 4401 when the credential ends, 4403 for what is"
    " forbidden, 1013 on overload and to slow readers, 1012 with the position when the gateway"
    " drains. A guest sees their own events, others the tenant's."
)


def described() -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation of each."""
    yield auth.TICKET_PATH, "post", _ticket()
    yield websockets.PATH, "get", _websocket("WebSocket", "Opens a WebSocket", _SAID, [])
    yield (
        websockets.ORDERS_PATH,
        "get",
        _websocket(
            "WebSocket.Orders",
            "Opens a WebSocket that is subscribed to orders",
            f"As `{websockets.PATH}`, for `{websockets.ORDER_TYPE}` alone, and begun with the"
            f" subscription `{websockets.ORDERS}`.",
            [
                parameter(
                    "query",
                    "cursor",
                    {**CURSOR, "description": "The last position seen; what came after is first."},
                )
            ],
        ),
    )


def _ticket() -> Json:
    given = {
        "ticket": {"type": "string", "pattern": "^tkt_"},
        "expires_at": {"type": "string", "format": "date-time"},
    }
    return {
        "operationId": "Auth.Ticket",
        "tags": ["Auth"],
        "summary": "Gives the caller a ticket for one WebSocket",
        "description": "It works once and for half a minute, as the parameter `ticket`.",
        "responses": responses(
            json={"type": "object", "required": [*given], "properties": given},
        ),
    }


def _websocket(name: str, summary: str, description: str, parameters: list[Json]) -> Json:
    answered = responses()
    return {
        "operationId": name,
        "tags": ["Events"],
        "summary": summary,
        "description": description,
        "parameters": [
            parameter("query", "ticket", {"type": "string", "description": "See Auth.Ticket."}),
            *parameters,
        ],
        "responses": {
            "101": {"description": "The connection is a WebSocket (RFC 6455)."},
            "426": {**answered["default"]},
            "default": answered["default"],
        },
    }
