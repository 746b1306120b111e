"""An echo server in a process of its own: `bare`, with the `chain`, or with it and `traced`.

Prints its port, serves until its standard input ends.
"""

import sys
from collections.abc import Sequence
from typing import Any

import grpc
import uvloop
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from services.chassis.rpc.identity import MeshVerifier, public_keys
from services.chassis.rpc.server import RpcServer, ServerOptions, build_server
from services.chassis.run.telemetry import Telemetry, configure_logging
from tests.bench.processes import end_of_input
from tests.support.echo import SERVICE, EchoServicer

ANY_PORT = "127.0.0.1:0"


class _Nowhere(SpanExporter):
    """Takes what a collector would be sent."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


async def start_bare() -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server()
    handlers = grpc.method_handlers_generic_handler(SERVICE, EchoServicer().handlers())
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port(ANY_PORT)
    await server.start()
    return server, port


async def start_with_chain(public_pem: str, *, traced: bool) -> tuple[RpcServer, int]:
    provider = None
    if traced:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    server = build_server(
        ServerOptions(ANY_PORT),
        [EchoServicer().binding()],
        MeshVerifier(public_keys(public_pem)),
        Telemetry(CollectorRegistry(), provider),
    )
    await server.start()
    return server, server.port


async def main(kind: str, public_pem: str) -> None:
    configure_logging("warning")
    server: Any
    if kind == "bare":
        server, port = await start_bare()
    else:
        server, port = await start_with_chain(public_pem, traced=kind == "traced")
    print(port, flush=True)
    await end_of_input()
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
