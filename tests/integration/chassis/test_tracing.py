"""Traces, sent to a collector that listens."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.chassis.run.telemetry import open_telemetry, trace


class Collector:
    """An OTLP/HTTP collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                requests.append((self.path, self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Nothing: the test looks itself."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@trace("plate")
def plate() -> None:
    """Something to be seen."""


def test_spans_reach_the_collector_when_the_process_stops(collector: Collector) -> None:
    telemetry = open_telemetry("kitchen", collector.url, 1.0)
    with telemetry.active():
        plate()
    telemetry.shutdown()
    ((path, body),) = collector.requests
    assert path == "/v1/traces"
    (spans,) = ExportTraceServiceRequest.FromString(body).resource_spans
    names = [span.name for scope in spans.scope_spans for span in scope.spans]
    assert names == ["plate"]
    attributes = {pair.key: pair.value.string_value for pair in spans.resource.attributes}
    assert attributes["service.name"] == "kitchen"
