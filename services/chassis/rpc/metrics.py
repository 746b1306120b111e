"""What a server counts of its calls, under the names gRPC's Prometheus middlewares share.

- `grpc_server_started_total{grpc_type,grpc_service,grpc_method}`
- `grpc_server_handled_total{grpc_type,grpc_service,grpc_method,grpc_code}`
- `grpc_server_handling_seconds{grpc_type,grpc_service,grpc_method}`, a histogram

`grpc_type` is `unary` or `server_stream`, `grpc_code` the canonical code's name. Started less
handled is in flight.
"""

import grpc
from prometheus_client import CollectorRegistry, Counter, Histogram

_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RpcMetrics:
    """The three families, in one registry."""

    def __init__(self, registry: CollectorRegistry, errors: Counter) -> None:
        """`errors` counts by component and type."""
        self._errors = errors
        self._started = Counter(
            "grpc_server_started_total", "Calls begun.", _LABELS, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls ended, by code.",
            (*_LABELS, "grpc_code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from a call's arrival to its end.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )

    def of(self, kind: str, service: str, method: str) -> "MethodMetrics":
        """The series of one method, which exist from now on."""
        labels = (kind, service, method)
        return MethodMetrics(
            self._started.labels(*labels),
            self._handled,
            self._seconds.labels(*labels),
            self._errors,
            labels,
        )


class MethodMetrics:
    """The series of one method, found once and not per call."""

    def __init__(
        self,
        started: Counter,
        handled: Counter,
        seconds: Histogram,
        errors: Counter,
        labels: tuple[str, str, str],
    ) -> None:
        self.begun = started.inc
        self._observe = seconds.observe
        self._count = {
            code: handled.labels(*labels, code.name).inc for code in (grpc.StatusCode.OK,)
        }
        self._handled = handled
        self._errors = errors
        self._labels = labels

    def broke(self, error: BaseException) -> None:
        """A call met what nobody foresaw; counted for `orders` of `maitred.orders.v1`."""
        area = self._labels[1].split(".")[-3:][0]
        self._errors.labels(area, type(error).__name__).inc()

    def ended(self, code: grpc.StatusCode, seconds: float) -> None:
        """One call has ended."""
        count = self._count.get(code)
        if count is None:
            count = self._count[code] = self._handled.labels(*self._labels, code.name).inc
        count()
        self._observe(seconds)
