"""The wire format of server-sent events (WHATWG HTML, "Server-sent events").

Streams are written beneath the server, so what goes to one is a chunk of its response (RFC 9112).
"""

from __future__ import annotations

import json

from services.chassis.data.streams import Cursor, Reset, StreamEvent

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
HEADERS = {
    "cache-control": "no-store",
    # Proxies such as nginx would hold events back otherwise.
    "x-accel-buffering": "no",
}


def frame(data: bytes, *, event: str = "", cursor: str = "") -> bytes:
    """An event: `data` is one line of JSON; `event` and `cursor` (its `id`) are given if set.

    Raises ValueError for text that would break out of its line.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    lines = []
    if cursor:
        lines.append(b"id: " + _line(cursor))
    if event:
        lines.append(b"event: " + _line(event))
    lines.append(b"data: " + data)
    return b"\n".join(lines) + b"\n\n"


def retry(milliseconds: int) -> bytes:
    """Tells the client how long to wait before it comes back."""
    return b"retry: %d\n\n" % milliseconds


def position(cursor: str) -> bytes:
    """Sets a client's last event id without an event, so that it can resume before its first."""
    return b"id: " + _line(cursor) + b"\n\n"


def chunk(data: bytes) -> bytes:
    """A part of a response whose length nobody knows."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode(item: StreamEvent | Reset) -> bytes:
    """The frame of an event: `maitred.order.v1` is event `order`, its data the CloudEvent."""
    if isinstance(item, Reset):
        data = json.dumps({"cursor": str(item.cursor)}, separators=(",", ":")).encode()
        return frame(data, event="reset", cursor=str(item.cursor))
    name = item.type.split(".")[-2] if item.type.count(".") > 1 else item.type
    return frame(item.payload, event=name, cursor=str(item.cursor))


class StreamForm:
    """Items as chunks of an event stream."""

    key = ""

    def opened(self, cursor: Cursor) -> bytes:
        """The client's last event id, so that it can resume before its first event."""
        return chunk(position(str(cursor)))

    def item(self, item: StreamEvent | Reset) -> bytes:
        """The item's frame."""
        return chunk(encode(item))


def _line(text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"not one line: {text!r}")
    return text.encode()
