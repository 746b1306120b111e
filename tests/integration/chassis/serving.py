"""Echo servers in this process, and callers they believe."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
from prometheus_client import CollectorRegistry

from services.chassis.rpc.call import Call
from services.chassis.rpc.errors import Failure, from_rpc_error
from services.chassis.rpc.identity import MeshSigner, MeshVerifier, Principal, Role, new_key
from services.chassis.rpc.server import RpcServer, ServerOptions, always_ready, build_server
from services.chassis.run.telemetry import Telemetry
from tests.support.echo import EchoServicer, EchoStub

KEY = new_key()
SIGNER = MeshSigner(KEY.private_pem, KEY.kid)
VERIFIER = MeshVerifier({KEY.kid: KEY.public_pem})
GUEST = Principal(UUID(int=7), "gst_1", frozenset({Role.GUEST}))
MANAGER = Principal(UUID(int=7), "key_1", frozenset({Role.MANAGER}))
ANY_PORT = "127.0.0.1:0"


def metadata(principal: Principal = GUEST, **more: str) -> tuple[tuple[str, str], ...]:
    """What a caller sends: its token, and more with `_` for `-`."""
    return (
        ("authorization", f"Bearer {SIGNER.mint(principal)}"),
        *((key.replace("_", "-"), text) for key, text in more.items()),
    )


def call(seconds: float = 10.0, principal: Principal = GUEST) -> Call:
    """A call with so much time left."""
    return Call(principal, "req_1", SIGNER.mint(principal), time.monotonic() + seconds)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, what it counts, and a client on a plain channel."""

    server: RpcServer
    channel: grpc.aio.Channel
    telemetry: Telemetry = field(default_factory=lambda: Telemetry(CollectorRegistry()))

    @property
    def stub(self) -> EchoStub:
        return EchoStub(self.channel)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def handled(self, method: str, code: str) -> float:
        """How many calls of a unary method ended with a code."""
        labels = {
            "grpc_type": "unary",
            "grpc_service": "maitred.echo.v1.EchoService",
            "grpc_method": method,
            "grpc_code": code,
        }
        registry = self.telemetry.registry
        return registry.get_sample_value("grpc_server_handled_total", labels) or 0.0


@asynccontextmanager
async def serving(
    servicer: EchoServicer | None = None,
    *,
    telemetry: Telemetry | None = None,
    ready: Callable[[], Awaitable[None]] = always_ready,
    call_timeout_s: float = 5.0,
) -> AsyncIterator[Served]:
    """An echo server, stopped at once at the end."""
    telemetry = telemetry or Telemetry(CollectorRegistry())
    async with AsyncExitStack() as stack:
        server = build_server(
            ServerOptions(ANY_PORT, call_timeout_s=call_timeout_s),
            [(servicer or EchoServicer()).binding()],
            VERIFIER,
            telemetry,
            ready,
        )
        await server.start()
        stack.push_async_callback(server.stop)
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
        )
        yield Served(server, channel, telemetry)


async def failure(answer: Awaitable[Any]) -> Failure:
    """How a call fails. AssertionError if it does not."""
    try:
        await answer
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    raise AssertionError("the call succeeded")


async def lateness(of: str, ask: Callable[[], Awaitable[Any]]) -> Failure:
    """How a call fails that a method is late for; asked again while somebody else is named.

    Each callee has 20 ms to be heard before its caller gives up, which a busy machine may miss.
    """
    for _ in range(20):
        refused = await failure(ask())
        if refused.metadata == {"method": of}:
            break
    return refused


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Returns once the condition holds. TimeoutError if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)
