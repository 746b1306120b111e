"""The one renderer of failures over HTTP: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from services.chassis.rpc.errors import DOMAIN, Failure, internal

MEDIA_TYPE = "application/problem+json"
# Where a failure does not say when to try again, and trying again makes sense.
_RETRY_AFTER_S = 1.0

_STATUS_BY_REASON: Mapping[str, int] = {
    "IDEMPOTENCY_KEY_REUSED": 422,
    "QUOTE_EXPIRED": 409,
    "NOT_AVAILABLE": 409,
    "TRANSITION_NOT_ALLOWED": 409,
    "BODY_TOO_LARGE": 413,
    "METHOD_NOT_ALLOWED": 405,
    "UPGRADE_REQUIRED": 426,
}
_STATUS_BY_CODE: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_RETRIED = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure as HTTP says it: status, document and headers beside its media type."""

    status: int
    document: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode()


def render(failure: Failure, request_id: str) -> Problem:
    """The problem of a failure. What nobody has given a reason is INTERNAL and says no more."""
    status = _STATUS_BY_REASON.get(failure.reason) or _STATUS_BY_CODE.get(failure.code, 500)
    if status == 500:
        failure = internal(request_id)
    document = {
        "type": f"https://{DOMAIN}/problems/{failure.reason.lower().replace('_', '-')}",
        "title": failure.reason.replace("_", " ").capitalize(),
        "status": status,
        "detail": failure.message,
        "instance": request_id,
        "reason": failure.reason,
        "metadata": dict(failure.metadata),
    }
    if failure.fields:
        document["errors"] = [
            {"field": problem.field, "description": problem.description}
            for problem in failure.fields
        ]
    return Problem(status, document, tuple(_headers(failure, status)))


def _headers(failure: Failure, status: int) -> list[tuple[str, str]]:
    headers = []
    retry_after = failure.retry_after
    if retry_after is None and failure.code in _RETRIED:
        retry_after = _RETRY_AFTER_S
    if retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(retry_after)))))
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    if status == 426:
        headers.append(("upgrade", "websocket"))
    if status == 405:
        headers.append(("allow", failure.metadata["allow"]))
    return headers
