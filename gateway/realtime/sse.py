"""The wire format of server-sent events (WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

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


def _line(text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"not one line: {text!r}")
    return text.encode()
