"""Whether the services answer, by gRPC health."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from time import monotonic
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.assembly.checks.finding import Finding, bad
from services.chassis.rpc.peers import Peers

AREA = "peers"
TIMEOUT_S = 3.0
# The area of contracts a target serves, where it has another name.
AREAS = {"gateway": "identity", "relay": "events", "worker": "jobs"}


async def check_peers(targets: Mapping[str, str]) -> list[Finding]:
    """Each peer's process, and whether each of its services takes calls."""
    peers = Peers(targets)
    try:
        return await asyncio.gather(*(_check(peers, name, targets[name]) for name in targets))
    finally:
        await peers.close()


async def _check(peers: Peers, name: str, target: str) -> Finding:
    # Its stubs know gRPC's synchronous API only.
    channel: Any = peers.channel(name)
    health: Any = health_pb2_grpc.HealthStub(channel)
    services = _services(name)
    began = monotonic()
    unready = []
    try:
        for service in ("", *services):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = await health.Check(request, timeout=TIMEOUT_S)
            if answer.status != health_pb2.HealthCheckResponse.SERVING:
                unready.append(service or "the process")
    except grpc.aio.AioRpcError as error:
        return bad(
            AREA,
            name,
            f"no answer at {target}: {error.code().name}",
            f"start it (`maitred serve {name}`), or correct MAITRED_{name.upper()}_ADDRESS",
        )
    if unready:
        return bad(
            AREA,
            name,
            f"not ready: {', '.join(unready)}",
            "its log says what it waits for, its /healthz whether it still does",
        )
    taken_ms = (monotonic() - began) * 1000
    return Finding(AREA, name, f"{len(services)} services ready at {target} ({taken_ms:.0f} ms)")


def _services(name: str) -> list[str]:
    """Full names of the services in a target's contracts."""
    package = f"maitred.{AREAS.get(name, name)}.v1"
    modules = sorted(
        entry.name.removesuffix(".py")
        for entry in files(package).iterdir()
        if entry.name.endswith("_service_pb2.py")
    )
    return [
        service.full_name
        for module in modules
        for service in import_module(f"{package}.{module}").DESCRIPTOR.services_by_name.values()
    ]
