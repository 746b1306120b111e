"""A process's life: open, build, serve, drain, close.

A target is a name, its settings and the `build` of its wiring. Any number of targets live in one
process, each with resources and a gRPC port of its own; they share the loop, the admin port and
the registry. Everything opened is on one exit stack, so what is half built unwinds. A loop that
ends, by an error or not, ends the process: somebody else restarts it from a known state.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis.asyncio
import structlog
import uvloop
from starlette.types import ASGIApp

from services.chassis.data.postgres import Database
from services.chassis.data.redis_client import open_redis
from services.chassis.rpc.health import Readiness
from services.chassis.rpc.identity import MeshSigner, MeshVerifier, key_pair, public_keys
from services.chassis.rpc.peers import Peers
from services.chassis.rpc.server import (
    RpcServer,
    ServerOptions,
    ServicerBinding,
    always_ready,
    build_server,
)
from services.chassis.run.admin import AdminServer
from services.chassis.run.config import ProcessConfig
from services.chassis.run.http import HttpServer
from services.chassis.run.telemetry import Telemetry, configure_logging, open_telemetry

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a target is built from. `stack` closes what its wiring opens, last opened first."""

    stack: AsyncExitStack
    clock: Callable[[], datetime]
    random: random.Random
    database: Database | None
    redis: "redis.asyncio.Redis | None"
    peers: Peers
    signer: MeshSigner | None
    verifier: MeshVerifier
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class Loop:
    """Background work: `run` goes on until it is cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Component:
    """What a target's wiring made of its resources.

    Attributes:
        name: the target's name.
        servicers: gRPC services, served at the settings' `listen`.
        loops: background work.
        http: an application, served at `http_listen`.
        http_listen: `host:port`.
        ready: returns when the one thing the target cannot do without answers, else raises.
        drain: called as the process stops to accept: ends long streams, waits for work in flight.
    """

    name: str
    servicers: tuple[ServicerBinding, ...] = ()
    loops: tuple[Loop, ...] = ()
    http: ASGIApp | None = None
    http_listen: str = ""
    ready: Callable[[], Awaitable[None]] = always_ready
    drain: tuple[Callable[[], Awaitable[None]], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Something to run: its name, its settings, and what builds it of both and resources."""

    name: str
    config: ProcessConfig
    build: Callable[[Any, Resources], Awaitable[Component]]


@dataclass(frozen=True, slots=True)
class Bound:
    """Ports in use: gRPC and HTTP by target, and the admin port."""

    grpc: Mapping[str, int]
    http: Mapping[str, int]
    admin: int


def run_process(
    targets: Sequence[Target], started: Callable[[Bound], None] = lambda _: None
) -> None:
    """Runs targets in this process until SIGTERM or SIGINT, then drains and returns.

    Args:
        targets: what to run.
        started: called once everything is served.

    Raises:
        SystemExit: with status 1, and logged, when something else ended them.
    """
    configure_logging(targets[0].config.log_level)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run_components(targets, stop, started)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except Exception:  # noqa: BLE001 - told, and turned into the exit status
        _log.exception("process_failed")
        raise SystemExit(1) from None


async def run_components(
    targets: Sequence[Target],
    stop: asyncio.Event,
    started: Callable[[Bound], None] = lambda _: None,
) -> None:
    """Runs targets until `stop` is set, then drains.

    Args:
        targets: what to run; the first one's settings hold for what all share.
        stop: set to stop.
        started: called once everything is served.

    Raises:
        BaseExceptionGroup: of what a loop or server ended with.
    """
    shared = targets[0].config
    name = "+".join(target.name for target in targets)
    async with AsyncExitStack() as stack:
        telemetry = open_telemetry(name, shared.otlp_endpoint, shared.trace_ratio)
        stack.callback(telemetry.shutdown)
        stack.enter_context(telemetry.active())
        parts = []
        for target in targets:
            resources = await open_resources(target.name, target.config, stack, telemetry)
            component = await target.build(target.config, resources)
            parts.append(_Part(component, target.config, resources))
        admin = AdminServer(
            shared.admin_listen,
            telemetry.registry,
            lambda: {part.name: part.is_ready for part in parts},
        )
        async with asyncio.TaskGroup() as group:
            tasks = [task for part in parts for task in await part.start(group, stack)]
            await admin.start()
            stack.push_async_callback(admin.close)
            bound = _bound(parts, admin)
            _log.info("started", target=name, **_addresses(bound))
            started(bound)
            await stop.wait()
            _log.info("draining", target=name)
            # Whoever was started last calls those before it, and so leaves first.
            for part in reversed(parts):
                await part.drain()
            for task in tasks:
                task.cancel()
    _log.info("stopped", target=name)


async def open_resources(
    name: str, config: ProcessConfig, stack: AsyncExitStack, telemetry: Telemetry
) -> Resources:
    """What the settings of target `name` ask for, opened; closed by `stack`."""
    database = None
    if config.database_url:
        database = await stack.enter_async_context(
            Database.connect(
                config.database_url, max_size=config.database_pool, application=f"maitred-{name}"
            )
        )
    client = None
    if config.redis_url:
        client = open_redis(config.redis_url)
        stack.push_async_callback(client.aclose)
    peers = Peers(config.peers(), traced=telemetry.provider is not None)
    stack.push_async_callback(peers.close)
    return Resources(
        stack=stack,
        clock=lambda: datetime.now(UTC),
        random=random.Random(random.SystemRandom().getrandbits(128)),  # noqa: S311 - ids, not secrets
        database=database,
        redis=client,
        peers=peers,
        signer=_signer(config.mesh_private_key),
        verifier=MeshVerifier(public_keys(config.mesh_public_keys)),
        telemetry=telemetry,
    )


class _Part:
    """A component at work, with its servers."""

    def __init__(self, component: Component, config: ProcessConfig, resources: Resources) -> None:
        self.name = component.name
        self.rpc: RpcServer | None = None
        self.http: HttpServer | None = None
        self._component = component
        self._config = config
        self._http_stopped = asyncio.Event()
        self._readiness = Readiness((), component.ready)
        if component.servicers:
            options = ServerOptions(
                config.listen, config.call_timeout_s, config.connection_age_s, config.share_ports
            )
            self.rpc = build_server(
                options,
                component.servicers,
                resources.verifier,
                resources.telemetry,
                component.ready,
            )
            self._readiness = self.rpc.readiness
        if component.http is not None:
            self.http = HttpServer(
                component.http,
                component.http_listen,
                config.drain_grace_s,
                share_port=config.share_ports,
            )

    @property
    def is_ready(self) -> bool:
        """Whether it takes calls."""
        return self._readiness.is_ready

    async def start(
        self, group: asyncio.TaskGroup, stack: AsyncExitStack
    ) -> list[asyncio.Task[None]]:
        """Serves; the tasks are to be cancelled once it is drained."""
        tasks = [
            group.create_task(_for_ever(loop), name=f"{self.name}.{loop.name}")
            for loop in self._component.loops
        ]
        if self.rpc:
            stack.push_async_callback(self.rpc.stop)
            await self.rpc.start()
        else:
            await self._readiness.check()
            tasks.append(group.create_task(self._readiness.run()))
        if self.http:
            self.http.bind()
            group.create_task(self._serve_http(self.http), name=f"{self.name}.http")
        return tasks

    async def drain(self) -> None:
        """NOT_SERVING, wait; then accept no more, end long streams and finish in flight."""
        grace_s = self._config.drain_grace_s
        await self._readiness.drain()
        if self.http:
            self.http.leave()
        if self.rpc or self.http:
            await asyncio.sleep(self._config.drain_delay_s)
        async with asyncio.TaskGroup() as group:
            if self.rpc:
                group.create_task(self.rpc.stop(grace_s))
            if self.http:
                self.http.drain()
                group.create_task(self._http_stopped.wait())
            for drain in self._component.drain:
                group.create_task(self._within(grace_s, drain))

    async def _within(self, grace_s: float, drain: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(grace_s):
                await drain()
        except TimeoutError:
            _log.warning("drain_cut_short", target=self.name, grace_s=grace_s)

    async def _serve_http(self, server: HttpServer) -> None:
        try:
            await server.serve()
        finally:
            self._http_stopped.set()


async def _for_ever(loop: Loop) -> None:
    try:
        await loop.run()
    except Exception:
        _log.exception("loop_crashed", loop=loop.name)
        raise
    _log.error("loop_ended", loop=loop.name)
    raise RuntimeError(f"loop {loop.name} ended")


def _signer(private_pem: str) -> MeshSigner | None:
    if not private_pem:
        return None
    return MeshSigner(private_pem, key_pair(private_pem).kid)


def _bound(parts: Sequence[_Part], admin: AdminServer) -> Bound:
    return Bound(
        grpc={part.name: part.rpc.port for part in parts if part.rpc},
        http={part.name: part.http.port for part in parts if part.http},
        admin=admin.port,
    )


def _addresses(bound: Bound) -> dict[str, Any]:
    return {"grpc": dict(bound.grpc), "http": dict(bound.http), "admin": bound.admin}
