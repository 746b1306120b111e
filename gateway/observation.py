"""What the HTTP edge tells about itself: one line a request, and metrics per route.

- `gateway_http_requests_total{route,method,status}`
- `gateway_http_request_seconds{route,method}`, a histogram; a stream's ends with the stream
- `gateway_http_in_flight`

A line says what was asked by route and path, never a query, a header or a body.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered, or given up by its client."""

    route: str
    method: str
    path: str
    status: int
    seconds: float
    request_id: str
    tenant_id: str
    principal_id: str
    address: str


class HttpMetrics:
    """The families above, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "gateway_http_requests_total",
            "Requests answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "gateway_http_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "gateway_http_in_flight", "Requests being answered.", registry=registry
        )
        self._series: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]]
        self._series = {}

    def served(self, one: Served) -> None:
        """Counts a request."""
        key = (one.route, one.method, one.status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = (
                self._requests.labels(one.route, one.method, str(one.status)).inc,
                self._seconds.labels(one.route, one.method).observe,
            )
        count, observe = series
        count()
        observe(one.seconds)


class AccessLog:
    """Writes a line a request, rendered here: a general logger takes as long as a whole RPC."""

    def __init__(self, clock: Callable[[], datetime], stream: TextIO) -> None:
        self._clock = clock
        self._write = stream.write

    def served(self, one: Served) -> None:
        """Writes the line of a request."""
        line = {
            "event": "http_request",
            "level": "info",
            "timestamp": self._clock().isoformat(),
            "logger": __name__,
            "method": one.method,
            "route": one.route,
            "path": one.path,
            "status": one.status,
            "duration_ms": round(one.seconds * 1000, 3),
            "request_id": one.request_id,
            "tenant_id": one.tenant_id,
            "principal_id": one.principal_id,
            "address": one.address,
        }
        self._write(_ENCODER.encode(line) + "\n")
