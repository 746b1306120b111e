"""Services in a test's own process, and callers they believe."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import grpc

from services.chassis.data.postgres import Connection
from services.chassis.rpc.errors import Failure, from_rpc_error
from services.chassis.rpc.identity import MeshSigner, Principal, Role, new_key
from services.chassis.run.lifecycle import Bound, Component, Resources, Target, run_components

KEY = new_key()
SIGNER = MeshSigner(KEY.private_pem, KEY.kid)
# Of any service that serves gRPC: on free ports, believing the key above.
SETTINGS: Mapping[str, Any] = {
    "listen": "127.0.0.1:0",
    "admin_listen": "127.0.0.1:0",
    "mesh_public_keys": KEY.public_pem,
    "page_token_key": "test",
    "drain_delay_s": 0.0,
}

Build = Callable[[Any, Resources], Awaitable[Component]]


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, **span: float) -> None:
        self._ahead += timedelta(**span)


def guest(tenant_id: UUID) -> Principal:
    """Somebody new at the counter."""
    return Principal(tenant_id, f"gst_{uuid4().hex}", frozenset({Role.GUEST}))


def with_role(tenant_id: UUID, *roles: Role) -> Principal:
    """Somebody new behind the counter."""
    return Principal(tenant_id, f"key_{uuid4().hex}", frozenset(roles))


def metadata(principal: Principal) -> tuple[tuple[str, str], ...]:
    """What a caller sends: its token."""
    return (("authorization", f"Bearer {SIGNER.mint(principal)}"),)


async def is_replayed(call: Any) -> bool:
    """Whether the answer's metadata says that it was given before."""
    return ("idempotent-replayed", "true") in tuple(await call.trailing_metadata() or ())


async def failure(answer: Awaitable[Any]) -> Failure:
    """How a call fails. AssertionError if it does not."""
    try:
        await answer
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    raise AssertionError("the call succeeded")


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Returns once the condition holds. TimeoutError if it does not in time."""
    async with asyncio.timeout(seconds):
        # Other processes' states have no event to wait for.
        while not await condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


def on_clock(build: Build, clock: Clock) -> Build:
    """Builds a service that goes by a test's clock."""

    async def built(config: Any, resources: Resources) -> Component:
        return await build(config, replace(resources, clock=clock))

    return built


@asynccontextmanager
async def running(*targets: Target) -> AsyncIterator[Bound]:
    """Targets, as their processes would run them."""
    stop = asyncio.Event()
    started: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    process = asyncio.create_task(run_components(targets, stop, started.set_result))
    await asyncio.wait((process, started), return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        await process  # says why they did not start
    try:
        yield started.result()
    finally:
        stop.set()
        await process


@asynccontextmanager
async def looking(database_url: str) -> AsyncIterator[Connection]:
    """A connection that sees everything, as the migrator's does."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()
