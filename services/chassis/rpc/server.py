"""The one way a gRPC server is made here.

Every server has the same chain (`chain.STEPS`), health, reflection, keepalive, bounded age of
connections and drain. Health and reflection need no token; everything else does.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.chassis.rpc.chain import Chain, Handler
from services.chassis.rpc.health import Readiness
from services.chassis.rpc.identity import MeshVerifier

if TYPE_CHECKING:
    from services.chassis.run.telemetry import Telemetry

MAX_METADATA_BYTES = 32 * 1024

_Handlers: TypeAlias = "dict[str, Handler]"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server serves.

    Attributes:
        listen: `host:port`; port 0 takes a free one.
        call_timeout_s: seconds given to a call whose caller set no deadline.
        connection_age_s: seconds after which a client is asked to connect anew.
        share_port: whether other processes may serve at `listen` too.
    """

    listen: str
    call_timeout_s: float = 30.0
    connection_age_s: int = 300
    share_port: bool = False


@dataclass(frozen=True, slots=True)
class ServicerBinding:
    """A service to serve: its full name, the generated `add_…_to_server`, its implementation."""

    full_name: str
    add_to_server: Callable[[Any, grpc.aio.Server], None]
    servicer: object


async def always_ready() -> None:
    """Readiness of a server that depends on nothing."""


def build_server(
    options: ServerOptions,
    bindings: Sequence[ServicerBinding],
    verifier: MeshVerifier,
    telemetry: "Telemetry",
    ready: Callable[[], Awaitable[None]] = always_ready,
) -> "RpcServer":
    """A server of `bindings`, not started.

    Args:
        options: how to serve.
        bindings: what to serve.
        verifier: who is believed.
        telemetry: where calls are counted and traced.
        ready: returns when the services' hard dependency answers, raises when it does not.
    """
    chain = Chain(verifier, telemetry.rpc, call_timeout_s=options.call_timeout_s)
    handlers = {binding.full_name: _wrapped(binding, chain.wrap) for binding in bindings}
    return RpcServer(options, handlers, Readiness(tuple(handlers), ready), telemetry)


class RpcServer:
    """A server with its health, from `start` to `stop`."""

    def __init__(
        self,
        options: ServerOptions,
        handlers: Mapping[str, _Handlers],
        readiness: Readiness,
        telemetry: "Telemetry",
    ) -> None:
        self.readiness = readiness
        self.port = 0
        self._options = options
        self._handlers = handlers
        self._telemetry = telemetry
        self._server: grpc.aio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Binds and serves; `stop` ends it however far it came. OSError if the address is taken."""
        server = await self._assembled()
        self._server = server
        self.port = _bound_port(server, self._options.listen)
        if not self.port:
            raise OSError(errno.EADDRINUSE, f"cannot listen on {self._options.listen}")
        await self.readiness.check()
        await server.start()
        self._watch = asyncio.create_task(self.readiness.run(), name="readiness")

    async def stop(self, grace_s: float = 0.0) -> None:
        """Accepts no more, and cancels what is not finished within `grace_s` seconds."""
        if self._watch:
            self._watch.cancel()
        if self._server:
            await self._server.stop(grace_s)

    async def _assembled(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=_channel_arguments(self._options))
        for service, handlers in self._handlers.items():
            traced = await _traced(service, handlers, self._telemetry)
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, traced),)
            )
        health_pb2_grpc.add_HealthServicer_to_server(self.readiness.servicer, server)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        names = (*self._handlers, health_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        return server


def _bound_port(server: grpc.aio.Server, listen: str) -> int:
    """The port bound, 0 if there is none to be had."""
    try:
        return server.add_insecure_port(listen)
    except RuntimeError:
        return 0


def _wrapped(
    binding: ServicerBinding,
    wrap: Callable[..., Handler],
) -> _Handlers:
    collector = _Collector()
    binding.add_to_server(binding.servicer, collector)  # type: ignore[arg-type]  # duck-typed
    service = descriptor_pool.Default().FindServiceByName(binding.full_name)
    return {
        name: wrap(service.methods_by_name[name], handler)
        for name, handler in collector.handlers.items()
    }


class _Collector:
    """Stands where generated code expects a server, and keeps the handlers it is given."""

    def __init__(self) -> None:
        self.handlers: _Handlers = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """The same handlers again, behind a lookup."""

    def add_registered_method_handlers(self, service: str, handlers: _Handlers) -> None:
        self.handlers.update(handlers)


@dataclass(frozen=True, slots=True)
class _CallDetails:
    method: str


async def _traced(service: str, handlers: _Handlers, telemetry: "Telemetry") -> _Handlers:
    """The handlers inside OpenTelemetry's instrumentation, if traces are recorded.

    It is put around each handler once: as an interceptor it would be so for every call.
    """
    if telemetry.provider is None:
        return handlers
    from opentelemetry.instrumentation.grpc import aio_server_interceptor

    interceptor = aio_server_interceptor(  # type: ignore[no-untyped-call]
        tracer_provider=telemetry.provider
    )
    traced = {}
    for name, handler in handlers.items():

        async def next_handler(_details: object, handler: Handler = handler) -> Handler:
            return handler

        traced[name] = await interceptor.intercept_service(
            next_handler, _CallDetails(f"/{service}/{name}")
        )
    return traced


def _channel_arguments(options: ServerOptions) -> list[tuple[str, int]]:
    age_ms = options.connection_age_s * 1000
    return [
        # Unless it is meant, a taken port must be an error, not a shared port.
        ("grpc.so_reuseport", int(options.share_port)),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.max_connection_age_ms", age_ms),
        # Calls in flight outlive the connection's age by this much; a chat turn is the longest.
        ("grpc.max_connection_age_grace_ms", 120_000),
    ]
