"""The header `Idempotency-Key` (IETF httpapi draft): one key, quoted or bare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.transcoding.decoding import MalformedInput
from services.chassis.rpc.errors import FieldProblem, invalid

HEADER = "Idempotency-Key"
LONGEST = 255
# The field of a request message that holds it.
KEY_FIELD = "request_id"

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x7e][\x20-\x7e]*")


def parse_key(values: Sequence[str]) -> str:
    """The key of a request's header values; empty if there is none.

    A structured-field string (`"abc"`, RFC 8941) or the bare text. Raises INVALID_ARGUMENT
    (INVALID_FIELD) unless it is one value of 1 to 255 printable ASCII characters.
    """
    if not values:
        return ""
    text = values[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        key = ""
    if len(values) > 1 or not 1 <= len(key) <= LONGEST:
        raise _invalid(f"must be one value of 1 to {LONGEST} printable ASCII characters")
    return key


def fill_key(request: dict[str, Any], key: str) -> None:
    """Puts the header's key into a request's JSON.

    Raises MalformedInput if the request has one of its own, in either spelling, and another.
    """
    for name in (KEY_FIELD, "requestId"):
        if request.pop(name, None) not in (None, "", key):
            raise MalformedInput("is not the header's", KEY_FIELD)
    request[KEY_FIELD] = key


def missing() -> Exception:
    """A write that must carry a key and does not."""
    return _invalid("is required")


def _invalid(description: str) -> Exception:
    return invalid(
        "INVALID_FIELD",
        f"{HEADER} {description}.",
        [FieldProblem(HEADER, description)],
        field=HEADER,
    )
