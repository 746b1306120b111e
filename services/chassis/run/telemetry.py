"""What a process tells about itself: metrics, traces, logs.

Metrics live in a registry that is passed in. Traces are recorded only when a collector is
configured; until then `trace` costs one look at a context variable. Logs are one JSON object a
line: `timestamp`, `level`, `event`, `logger`, the fields of the event, and, inside a call, its
`request_id`, `tenant_id` and `trace_id`.
"""

import functools
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar, cast

import structlog
from opentelemetry import trace as otel
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
)

from services.chassis.data.cache_metrics import CacheMetrics
from services.chassis.data.consumer_metrics import ConsumerMetrics
from services.chassis.rpc import call
from services.chassis.rpc.metrics import RpcMetrics

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")

# Each says at INFO, or at DEBUG once a call, what our own events say better.
_CHATTY = (
    "alembic",
    "asyncio",
    "grpc",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "openai",
    "procrastinate",
    "uvicorn.access",
    "uvicorn.error",
)

_TRACER: ContextVar[otel.Tracer | None] = ContextVar("maitred_tracer", default=None)


class Telemetry:
    """Where a process's metrics and spans go. Without `provider` no span is ever made.

    `errors` is `maitred_errors_total{component,type}`: what nobody foresaw, by the service or
    consumer it happened in and the exception's class.
    """

    def __init__(
        self, registry: CollectorRegistry, provider: "TracerProvider | None" = None
    ) -> None:
        self.registry = registry
        self.provider = provider
        self.errors = Counter(
            "maitred_errors", "What nobody foresaw.", ("component", "type"), registry=registry
        )
        self.rpc = RpcMetrics(registry, self.errors)
        self.consumers = ConsumerMetrics(registry, self.errors)
        self.caches = CacheMetrics(registry)

    @property
    def tracer(self) -> otel.Tracer | None:
        """The tracer of our own spans, if traces are recorded."""
        return self.provider.get_tracer("maitred") if self.provider else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Lets `trace` record inside the block and in every task started there."""
        token = _TRACER.set(self.tracer)
        try:
            yield
        finally:
            _TRACER.reset(token)

    def shutdown(self) -> None:
        """Sends what is still held."""
        if self.provider:
            self.provider.shutdown()


def open_telemetry(service: str, otlp_endpoint: str, trace_ratio: float) -> Telemetry:
    """The telemetry of a process.

    Args:
        service: `service.name` of its spans.
        otlp_endpoint: base address of an OTLP/HTTP collector, or empty.
        trace_ratio: share of new traces recorded, 0 to 1.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    if not otlp_endpoint:
        return Telemetry(registry)
    # The SDK costs a process 10 MiB, so only those pay who trace.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBasedTraceIdRatio(trace_ratio),
    )
    exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Telemetry(registry, provider)


def trace(name: str) -> Callable[[Callable[_Args, _Result]], Callable[_Args, _Result]]:
    """Records each run of a function or coroutine function as a span `name`.

    What it raises is recorded on the span and raised on. Generators are not for it.
    """

    def decorate(function: Callable[_Args, _Result]) -> Callable[_Args, _Result]:
        if inspect.iscoroutinefunction(function):
            awaited = cast("Callable[_Args, Awaitable[Any]]", function)

            @functools.wraps(function)
            async def traced(*args: _Args.args, **kwargs: _Args.kwargs) -> Any:
                tracer = _TRACER.get()
                if tracer is None:
                    return await awaited(*args, **kwargs)
                with tracer.start_as_current_span(name):
                    return await awaited(*args, **kwargs)

            return cast("Callable[_Args, _Result]", traced)

        @functools.wraps(function)
        def traced_plain(*args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
            tracer = _TRACER.get()
            if tracer is None:
                return function(*args, **kwargs)
            with tracer.start_as_current_span(name):
                return function(*args, **kwargs)

        return traced_plain

    return decorate


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Sends structlog's events and every library's log lines to `stream`, or stderr, as JSON.

    The one thing here that is the process's and not an argument: Python has one logging tree.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_call,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_call(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    served = call.CURRENT.get()
    if served is not None:
        event.setdefault("request_id", served.request_id)
        event.setdefault("tenant_id", str(served.principal.tenant_id))
    span = otel.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = otel.format_trace_id(span.trace_id)
    return event
