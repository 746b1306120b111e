"""Failures as problem documents."""

import json

import grpc
import pytest

from gateway.problems import render
from services.chassis.rpc.errors import (
    Failure,
    FieldProblem,
    aborted,
    exhausted,
    invalid,
    not_found,
    precondition,
    unauthenticated,
    unavailable,
)


def test_a_problem_says_what_why_and_which_request() -> None:
    failure = invalid("CART_INVALID", "No.", [FieldProblem("lines[0]", "unknown")], problems="1")
    problem = render(failure, "req_1")
    assert problem.status == 400
    assert json.loads(problem.body) == {
        "type": "https://maitred.dev/problems/cart-invalid",
        "title": "Cart invalid",
        "status": 400,
        "detail": "No.",
        "instance": "req_1",
        "reason": "CART_INVALID",
        "metadata": {"problems": "1"},
        "errors": [{"field": "lines[0]", "description": "unknown"}],
    }


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (precondition("IDEMPOTENCY_KEY_REUSED", ""), 422),
        (precondition("QUOTE_EXPIRED", ""), 409),
        (precondition("NOT_AVAILABLE", ""), 409),
        (precondition("TRANSITION_NOT_ALLOWED", ""), 409),
        (precondition("SOMETHING_ELSE", ""), 400),
        (aborted("SESSION_BUSY", ""), 409),
        (not_found("ORDER_NOT_FOUND", ""), 404),
        (unauthenticated("expired"), 401),
        (exhausted("RATE_LIMITED", ""), 429),
        (exhausted("BODY_TOO_LARGE", ""), 413),
        (unavailable("orders"), 503),
        (Failure(grpc.StatusCode.UNKNOWN, "INTERNAL", "driver text"), 500),
    ],
)
def test_the_status_follows_reason_and_code(failure: Failure, status: int) -> None:
    assert render(failure, "req_1").status == status


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (aborted("SESSION_BUSY", "", retry_after=1.2), "2"),
        (aborted("VERSION_MISMATCH", ""), "1"),
        (unavailable("orders", retry_after=None), "1"),
        (exhausted("RATE_LIMITED", "", retry_after=12), "12"),
    ],
)
def test_what_may_be_tried_again_says_when(failure: Failure, seconds: str) -> None:
    assert dict(render(failure, "req_1").headers)["retry-after"] == seconds


def test_what_has_no_reason_is_internal_and_says_no_more() -> None:
    problem = render(Failure(grpc.StatusCode.UNKNOWN, "", "password=hunter2"), "req_1")
    assert b"hunter2" not in problem.body
    assert problem.document["reason"] == "INTERNAL"
    assert problem.document["metadata"] == {"request_id": "req_1"}
