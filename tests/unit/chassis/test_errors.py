"""Failures on the wire and back."""

import errno
import socket

import asyncpg
import grpc
import pytest
import redis.exceptions
from google.rpc import error_details_pb2

from services.chassis.rpc import errors
from services.chassis.rpc.errors import DOMAIN, Failure, FieldProblem
from services.chassis.rpc.faults import failure_of

EVERY_KIND = [
    errors.invalid("INVALID_FIELD", "Bad.", [FieldProblem("lines[1].id", "is odd")], field="id"),
    errors.precondition("QUOTE_EXPIRED", "Too late.", quote_id="quo_1"),
    errors.not_found("ORDER_NOT_FOUND", "None.", order_id="ord_1"),
    errors.already_exists("TENANT_EXISTS", "Taken.", slug="bar"),
    errors.aborted("REQUEST_IN_PROGRESS", "Wait.", retry_after=1),
    errors.denied("ROLE_REQUIRED", "No.", roles="staff"),
    errors.unauthenticated("expired"),
    errors.exhausted("RATE_LIMITED", "Slow down.", retry_after=2.5, limit="60/minute"),
    errors.unavailable("orders"),
    errors.deadline_exceeded("/a.B/C"),
    errors.cancelled(),
    errors.internal("req_1"),
]


@pytest.mark.parametrize("failure", EVERY_KIND, ids=lambda failure: failure.reason)
def test_a_failure_survives_the_wire(failure: Failure) -> None:
    read = errors.from_status(errors.to_status(failure))
    assert vars(read) == vars(failure)


@pytest.mark.parametrize("failure", EVERY_KIND, ids=lambda failure: failure.reason)
def test_a_status_carries_exactly_one_error_info_of_ours(failure: Failure) -> None:
    details = errors.to_status(failure).details
    infos = [error_details_pb2.ErrorInfo() for _ in details]
    unpacked = [info for detail, info in zip(details, infos, strict=True) if detail.Unpack(info)]
    assert [(info.domain, info.reason) for info in unpacked] == [(DOMAIN, failure.reason)]


def test_when_to_try_again_is_in_the_metadata_too() -> None:
    assert errors.aborted("SESSION_BUSY", "Wait.", retry_after=0.4).metadata == {
        "retry_after_s": "1"
    }


def test_a_status_stays_small_and_counts_what_it_leaves_out() -> None:
    problems = [FieldProblem(f"f{number}", "x" * 2_000) for number in range(100)]
    status = errors.to_status(errors.invalid("CATALOG_INVALID", "y" * 9_000, problems))
    read = errors.from_status(status)
    assert read.fields[-1].description == "and 68 more"
    assert len(status.SerializeToString()) < 24 * 1024


def test_a_failure_gRPC_made_gets_its_codes_reason() -> None:  # noqa: N802
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "connection lost"
    )
    assert errors.from_rpc_error(error).reason == "DEPENDENCY_UNAVAILABLE"


@pytest.mark.parametrize(
    ("error", "dependency"),
    [
        (redis.exceptions.ConnectionError("Error 111 connecting to 10.0.0.3:6379"), "redis"),
        (redis.exceptions.TimeoutError("Timeout reading from 10.0.0.3"), "redis"),
        (asyncpg.ConnectionDoesNotExistError("connection was closed"), "database"),
        (asyncpg.InterfaceError("pool is closing"), "database"),
        (asyncpg.AdminShutdownError("terminating connection"), "database"),
        (ConnectionRefusedError("10.0.0.2:5432"), "database"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed 10.0.0.2"), "database"),
        (OSError(errno.EHOSTUNREACH, "No route to host 10.0.0.2"), "database"),
        (TimeoutError(errno.ETIMEDOUT, "Connect call failed 10.0.0.2"), "database"),
        (socket.gaierror(socket.EAI_NONAME, "10.0.0.2 not known"), "database"),
    ],
)
def test_a_lost_dependency_is_unavailable_and_its_address_stays_here(
    error: Exception, dependency: str
) -> None:
    failure = failure_of(error, "req_1")
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert failure.metadata["dependency"] == dependency
    assert "10.0.0" not in str(errors.to_status(failure))


@pytest.mark.parametrize(
    "error", [asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError]
)
def test_a_character_no_text_can_have_is_the_callers(error: type[Exception]) -> None:
    failure = failure_of(error("invalid byte sequence: secret"), "req_1")
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "secret" not in str(errors.to_status(failure))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("token=secret"),
        TimeoutError("secret"),
        asyncpg.UniqueViolationError("secret (email)=(a@b.c)"),
        asyncpg.InterfaceError("cannot perform operation: secret"),
        redis.exceptions.ResponseError("secret"),
    ],
)
def test_what_was_not_foreseen_is_a_request_id_and_nothing_else(error: Exception) -> None:
    failure = failure_of(error, "req_1")
    assert failure.code is grpc.StatusCode.INTERNAL
    assert failure.metadata == {"request_id": "req_1"}
    assert "secret" not in str(errors.to_status(failure))
