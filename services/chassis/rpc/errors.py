"""One family of failures, and its form on the wire: google.rpc.Status with one ErrorInfo (AIP-193).

Code that knows why a call cannot succeed raises a `Failure`; the server's chain renders it, a
caller reads it back with `from_rpc_error`. Anything else that escapes is INTERNAL to the caller
and told in full to the log alone.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "maitred.dev"
DETAILS_KEY = "grpc-status-details-bin"

# A status travels in HTTP/2 trailers, which peers bound; what is left out is counted.
_MOST_FIELDS = 32
_LONGEST_TEXT = 512

_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of a request that breaks a rule: its path (`lines[2].quantity`) and how."""

    field: str
    description: str


class Failure(Exception):
    """A call that cannot succeed, and why.

    Attributes:
        code: canonical code.
        reason: name of a maitred.errors.v1.ErrorReason without its prefix.
        message: for people, in English; never parsed.
        metadata: every dynamic value of the message, as text.
        fields: problems by field, rendered as BadRequest.
        retry_after: seconds after which trying again makes sense, or None.
        was_retried: whether who raised it tried again already, so that callers on the way do not.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        fields: Iterable[FieldProblem] = (),
        retry_after: float | None = None,
        was_retried: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.fields = tuple(fields)
        self.retry_after = retry_after
        self.was_retried = was_retried
        self.metadata: Mapping[str, str] = dict(metadata or {})
        if retry_after is not None:
            self.metadata = {"retry_after_s": str(math.ceil(retry_after)), **self.metadata}

    def __str__(self) -> str:
        return f"{self.code.name} {self.reason}: {self.message}"


def invalid(
    reason: str, message: str, fields: Iterable[FieldProblem] = (), **metadata: str
) -> Failure:
    """INVALID_ARGUMENT: no state of ours would make this request right."""
    return Failure(
        grpc.StatusCode.INVALID_ARGUMENT, reason, message, metadata=metadata, fields=fields
    )


def precondition(
    reason: str, message: str, fields: Iterable[FieldProblem] = (), **metadata: str
) -> Failure:
    """FAILED_PRECONDITION: right in form, wrong for the state things are in."""
    return Failure(
        grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata=metadata, fields=fields
    )


def not_found(reason: str, message: str, **metadata: str) -> Failure:
    """NOT_FOUND: it does not exist, or not for this caller."""
    return Failure(grpc.StatusCode.NOT_FOUND, reason, message, metadata=metadata)


def already_exists(reason: str, message: str, **metadata: str) -> Failure:
    """ALREADY_EXISTS: a unique name is taken."""
    return Failure(grpc.StatusCode.ALREADY_EXISTS, reason, message, metadata=metadata)


def aborted(
    reason: str, message: str, *, retry_after: float | None = None, **metadata: str
) -> Failure:
    """ABORTED: somebody else is at it; the same request may succeed later."""
    return Failure(
        grpc.StatusCode.ABORTED, reason, message, metadata=metadata, retry_after=retry_after
    )


def denied(reason: str, message: str, **metadata: str) -> Failure:
    """PERMISSION_DENIED: we know the caller, and may not let them."""
    return Failure(grpc.StatusCode.PERMISSION_DENIED, reason, message, metadata=metadata)


def unauthenticated(problem: str) -> Failure:
    """UNAUTHENTICATED: no credential, or none that holds; `problem` says which in a word or two."""
    return Failure(
        grpc.StatusCode.UNAUTHENTICATED,
        "UNAUTHENTICATED",
        f"A valid credential is needed: {problem}.",
        metadata={"problem": problem},
    )


def exhausted(
    reason: str, message: str, *, retry_after: float | None = None, **metadata: str
) -> Failure:
    """RESOURCE_EXHAUSTED: a limit or a quota is reached."""
    return Failure(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        reason,
        message,
        metadata=metadata,
        retry_after=retry_after,
    )


def unavailable(dependency: str, *, retry_after: float | None = 1.0) -> Failure:
    """UNAVAILABLE: `dependency` does not answer; nothing was done."""
    return Failure(
        grpc.StatusCode.UNAVAILABLE,
        "DEPENDENCY_UNAVAILABLE",
        f"{dependency} does not answer; try again.",
        metadata={"dependency": dependency},
        retry_after=retry_after,
    )


def deadline_exceeded(method: str) -> Failure:
    """DEADLINE_EXCEEDED: `method` (`/package.Service/Method`) was not done in time."""
    return Failure(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "DEADLINE_EXCEEDED",
        f"{method} was not done in time.",
        metadata={"method": method},
    )


def cancelled() -> Failure:
    """CANCELLED: the caller went away."""
    return Failure(grpc.StatusCode.CANCELLED, "CANCELLED", "The caller went away.")


def internal(request_id: str) -> Failure:
    """INTERNAL: a fault of ours, of which the caller learns the request id and nothing else."""
    return Failure(
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        f"Something went wrong on our side ({request_id}).",
        metadata={"request_id": request_id},
    )


def to_status(failure: Failure) -> status_pb2.Status:
    """Renders a failure: ErrorInfo always, BadRequest and RetryInfo where it has them."""
    info = error_details_pb2.ErrorInfo(
        reason=failure.reason,
        domain=DOMAIN,
        metadata={key: text[:_LONGEST_TEXT] for key, text in failure.metadata.items()},
    )
    status = status_pb2.Status(
        code=failure.code.value[0],
        message=failure.message[:_LONGEST_TEXT],
        details=[_packed(info)],
    )
    if failure.fields:
        shown = failure.fields[:_MOST_FIELDS]
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=problem.field, description=problem.description[:_LONGEST_TEXT]
            )
            for problem in shown
        ]
        if hidden := len(failure.fields) - len(shown):
            violations.append(
                error_details_pb2.BadRequest.FieldViolation(
                    field="", description=f"and {hidden} more"
                )
            )
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=violations)))
    if failure.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(failure.retry_after * 1000))
        status.details.append(_packed(retry))
    return status


def from_status(status: status_pb2.Status) -> Failure:
    """Reads a rendered failure back. One without an ErrorInfo of ours gets its code's reason."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after = None
    for detail in status.details:
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
        elif not detail.Unpack(info):
            detail.Unpack(bad_request)
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return Failure(
        code,
        info.reason or _REASONS_WITHOUT_INFO.get(code, "INTERNAL"),
        status.message,
        metadata=info.metadata,
        fields=[
            FieldProblem(violation.field, violation.description)
            for violation in bad_request.field_violations
        ],
        retry_after=retry_after,
    )


# Failures gRPC itself makes carry no details.
_REASONS_WITHOUT_INFO: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "BODY_TOO_LARGE",
    grpc.StatusCode.UNAVAILABLE: "DEPENDENCY_UNAVAILABLE",
    grpc.StatusCode.UNIMPLEMENTED: "ROUTE_NOT_FOUND",
    grpc.StatusCode.UNAUTHENTICATED: "UNAUTHENTICATED",
}


def from_rpc_error(error: grpc.aio.AioRpcError) -> Failure:
    """What a failed call said, as the failure its server raised."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return from_status(status_pb2.Status.FromString(value))
    return from_status(status_pb2.Status(code=error.code().value[0], message=error.details() or ""))


def _packed(
    message: error_details_pb2.ErrorInfo
    | error_details_pb2.BadRequest
    | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
