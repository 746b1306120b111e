"""The full chain of a server against a bare one: unary echo, both on grpc.aio and uvloop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import grpc

from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from tests.bench.processes import served
from tests.bench.table import Row, interleaved
from tests.support.echo import EchoRequest, EchoStub

CALLS = 1_200
AT_ONCE = 16


async def rows() -> Sequence[Row]:
    """Calls a second with trace export off and on."""
    key = new_key()
    guest = Principal(UUID(int=1), "gst_1", frozenset({Role.GUEST}))
    token = MeshSigner(key.private_pem, key.kid).mint(guest)
    metadata = (("authorization", f"Bearer {token}"), ("x-request-id", "req_bench"))
    async with AsyncExitStack() as stack:
        ports = {
            kind: await stack.enter_async_context(served("echo_server", kind, key.public_pem))
            for kind in ("bare", "chain", "traced")
        }
        # gRPC does not like a fork beside it, so no channel before the last process.
        rates = {
            kind: _rate(
                await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}")),
                metadata,
            )
            for kind, port in ports.items()
        }
        found = await interleaved(rates)
    bare = f"{found['bare']:,.0f}/s"
    return [
        Row(
            f"full chain, unary, trace export {state}",
            f"{found[kind]:,.0f}/s",
            bare,
            found[kind] / found["bare"],
            reach,
        )
        for kind, state, reach in (("chain", "off", 0.6), ("traced", "on", 0.4))
    ]


def _rate(
    channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]
) -> Callable[[], Awaitable[float]]:
    stub = EchoStub(channel)
    request = EchoRequest(text="two lattes, one with oat milk")

    async def call() -> None:
        for _ in range(CALLS // AT_ONCE):
            await stub.echo(request, metadata=metadata, timeout=10)

    async def rate() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        return CALLS / (time.perf_counter() - began)

    return rate
