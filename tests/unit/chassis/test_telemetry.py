"""Spans, and log lines inside a call."""

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from services.chassis.rpc.call import Call, current, use
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.telemetry import Telemetry, configure_logging, open_telemetry, trace

CALL = Call(
    Principal(UUID(int=7), "gst_1", frozenset({Role.GUEST})), "req_1", "token", time.monotonic()
)


@trace("halve")
def halve(number: int) -> int:
    """Half of an even number."""
    if number % 2:
        raise ValueError("odd")
    return number // 2


@trace("halve_later")
async def halve_later(number: int) -> int:
    return halve(number)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with Telemetry(CollectorRegistry(), provider).active():
        yield exporter


async def test_a_traced_function_is_a_span_inside_its_callers(spans: InMemorySpanExporter) -> None:
    assert await halve_later(4) == 2
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name) == ("halve", "halve_later")
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


async def test_what_a_traced_function_raises_is_recorded_and_raised(
    spans: InMemorySpanExporter,
) -> None:
    with pytest.raises(ValueError, match="odd"):
        await halve_later(3)
    assert [span.status.is_ok for span in spans.get_finished_spans()] == [False, False]


async def test_without_a_collector_nothing_is_recorded() -> None:
    telemetry = open_telemetry("kitchen", "", 1.0)
    with telemetry.active():
        assert await halve_later(4) == 2
    assert telemetry.provider is None
    assert halve.__doc__ == "Half of an even number."


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_inside_a_call_carries_its_request_and_tenant(log: io.StringIO) -> None:
    with use(CALL):
        structlog.get_logger("kitchen").info("plated", dishes=2)
    structlog.get_logger("kitchen").info("closed")
    plated, closed = lines(log)
    assert plated["request_id"] == "req_1"
    assert plated["tenant_id"] == str(UUID(int=7))
    assert (plated["event"], plated["dishes"], plated["level"]) == ("plated", 2, "info")
    assert "request_id" not in closed


def test_what_libraries_log_is_json_too(log: io.StringIO) -> None:
    try:
        halve(3)
    except ValueError:
        logging.getLogger("library").exception("went wrong with %s", "x")
    logging.getLogger("library").debug("not told")
    (line,) = lines(log)
    assert line["event"] == "went wrong with x"
    assert line["logger"] == "library"
    assert "ValueError: odd" in line["exception"]


def test_the_fields_of_a_plain_log_line_are_told(log: io.StringIO) -> None:
    logging.getLogger("kitchen").info("burnt", extra={"dish": "toast"})
    (line,) = lines(log)
    assert (line["event"], line["dish"]) == ("burnt", "toast")


def test_outside_of_a_call_there_is_no_current_one() -> None:
    with pytest.raises(LookupError):
        current()
    with use(CALL):
        assert current() is CALL
    with pytest.raises(LookupError):
        current()


def test_a_calls_time_never_runs_below_zero() -> None:
    assert CALL.remaining() == 0.0
