"""What is said on a WebSocket: JSON messages with `type` and `id`, one a text frame (RFC 6455).

Frames are written beneath the server, so they are made here; a server's are not masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.problems import render
from gateway.realtime.feeds import TYPE
from gateway.transcoding.decoding import MalformedInput, parse_json
from services.chassis.data.streams import Cursor, Reset, StreamEvent
from services.chassis.rpc.errors import Failure

_TEXT, _PING = 0x81, 0x89
_ID = re.compile(r"[\x20-\x7e]{0,64}")
_MOST_TYPES = 16
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Auth:
    """Says who the client is: the first message of one that came without a credential."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Asks for events: of these types, empty for all; of this principal, empty for everyone the
    caller may see; after this position, empty for what comes from now on.
    """

    id: str
    types: frozenset[str]
    principal_id: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ends a subscription."""

    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong with the same id."""

    id: str


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping; any sign of life would do."""

    id: str


Said = Auth | Subscribe | Unsubscribe | Ping | Pong


def read(text: str) -> Said:
    """A client's message. Raises MalformedInput."""
    value = parse_json(text.encode())
    if type(value) is not dict:
        raise MalformedInput("must be an object")
    kind = _text(value, "type")
    said_id = _text(value, "id")
    if not _ID.fullmatch(said_id):
        raise MalformedInput("must be at most 64 printable ASCII characters", "id")
    said: Said
    match kind:
        case "auth":
            said = Auth(said_id, _text(value, "token"))
        case "subscribe":
            said = Subscribe(
                said_id, _types(value), _text(value, "principal_id"), _text(value, "cursor")
            )
        case "unsubscribe":
            said = Unsubscribe(said_id)
        case "ping":
            said = Ping(said_id)
        case "pong":
            said = Pong(said_id)
        case _:
            raise MalformedInput("must be auth, subscribe, unsubscribe, ping or pong", "type")
    unknown = value.keys() - {"type", *type(said).__slots__}
    if unknown:
        raise MalformedInput("unknown field", min(unknown))
    if isinstance(said, Subscribe | Unsubscribe) and not said_id:
        raise MalformedInput("must name the subscription", "id")
    return said


def id_in(text: str) -> str:
    """The id in a message that `read` refuses; empty where there is none that could be one."""
    try:
        value = parse_json(text.encode())
        said_id = _text(value, "id") if type(value) is dict else ""
    except MalformedInput:
        return ""
    return said_id if _ID.fullmatch(said_id) else ""


def write(kind: str, message_id: str, **fields: Any) -> bytes:
    """A message as a frame."""
    return _frame(_ENCODER.encode({"type": kind, "id": message_id, **fields}).encode())


def write_failure(failure: Failure, message_id: str, connection_id: str) -> bytes:
    """An `error`: the problem as HTTP says it, its instance the connection."""
    return write("error", message_id, error=render(failure, connection_id).document)


def write_message(message_id: str, body: bytes) -> bytes:
    """A `message` of somebody; `body` is JSON."""
    head = _ENCODER.encode({"type": "message", "id": message_id})[:-1].encode()
    return _frame(head + b',"message":' + body + b"}")


def heartbeat() -> bytes:
    """A ping that every client answers by itself, and one that a page's script can see."""
    return bytes((_PING, 0)) + write("ping", "")


class SubscriptionForm:
    """Items as messages of a subscription.

    An event is said as its producer rendered it, so its position stands beside it.
    """

    def __init__(self, subscription_id: str, types: frozenset[str], principal_id: str) -> None:
        self.key = _ENCODER.encode(subscription_id)
        self._id = subscription_id
        self._types = types
        self._principal_id = principal_id

    def opened(self, cursor: Cursor) -> bytes:
        """Says what is subscribed to, and after which position."""
        return write(
            "subscribed",
            self._id,
            types=sorted(self._types),
            principal_id=self._principal_id,
            cursor=str(cursor),
        )

    def item(self, item: StreamEvent | Reset) -> bytes:
        """An `event`, or a `reset`."""
        cursor = str(item.cursor)
        if isinstance(item, Reset):
            return write("reset", self._id, cursor=cursor)
        head = f'{{"type":"event","id":{self.key},"cursor":"{cursor}","event":'
        return _frame(head.encode() + item.payload + b"}")


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_TEXT, 126)) + size.to_bytes(2) + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8) + payload


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name, "")
    if type(found) is not str:
        raise MalformedInput("must be text", name)
    return found


def _types(value: Mapping[str, Any]) -> frozenset[str]:
    found = value.get("types", [])
    if type(found) is not list or len(found) > _MOST_TYPES:
        raise MalformedInput(f"must be a list of at most {_MOST_TYPES}", "types")
    for one in found:
        if type(one) is not str or not TYPE.fullmatch(one):
            raise MalformedInput("must be types of events such as maitred.order.v1", "types")
    return frozenset(found)
