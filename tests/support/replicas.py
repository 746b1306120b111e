"""Two of each target beside a mesh, on its servers and keys: what production runs."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from services.assembly.local import PAGE_TOKEN_KEY, local_mesh_key
from services.assembly.migrations import service_urls
from services.assembly.network import LOOPBACK
from tests.support.mesh import RunningMesh, own_environment, wait_until
from tests.support.ports import free_port

TARGETS = ("orders", "coordinator", "gateway")
REPLICAS = 2
START_S = 180.0
# Longer than our balancer takes to notice, however busy the machine is.
DRAIN_DELAY_S = 2.0


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of one target."""

    process: "subprocess.Popen[bytes]"
    http: str
    admin: str

    def is_ready(self) -> bool:
        """What a load balancer asks."""
        try:
            return httpx.get(f"http://{self.admin}/healthz").is_success
        except httpx.TransportError:
            return False


@contextmanager
def replicated(mesh: RunningMesh) -> Iterator[Mapping[str, Sequence[Replica]]]:
    """Two replicas of what a turn runs through, each knowing both of those it calls.

    Of everything else the mesh's own serve.
    """
    ports: set[int] = set()

    def address() -> str:
        port = free_port(ports)
        ports.add(port)
        return f"{LOOPBACK}:{port}"

    grpc = {target: [address() for _ in range(REPLICAS)] for target in TARGETS}
    addresses = {
        one.name: [one.addresses["grpc"]]
        for one in mesh.record.processes
        if "grpc" in one.addresses
    } | grpc
    peers = {
        f"MAITRED_{target.upper()}_ADDRESS": f"ipv4:{','.join(all_of_it)}"
        for target, all_of_it in addresses.items()
    }
    shared = {**_shared(mesh), **peers}
    with ExitStack() as stack:
        running = {
            target: [
                stack.enter_context(_replica(mesh, shared, target, listen, address(), address()))
                for listen in grpc[target]
            ]
            for target in TARGETS
        }
        for replicas in running.values():
            for one in replicas:
                wait_until(one.is_ready, START_S)
        yield running


@contextmanager
def _replica(
    mesh: RunningMesh, shared: Mapping[str, str], target: str, listen: str, admin: str, http: str
) -> Iterator[Replica]:
    prefix = f"MAITRED_{target.upper()}"
    environment = {
        **shared,
        f"{prefix}_LISTEN": listen,
        f"{prefix}_ADMIN_LISTEN": admin,
        f"{prefix}_HTTP_LISTEN": http,
    }
    if target == "gateway":
        environment["MAITRED_MESH_PRIVATE_KEY"] = local_mesh_key(mesh.home).private_pem
    with (mesh.home.logs / f"{target}-{listen.rpartition(':')[2]}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.assembly.cli", "serve", target],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield Replica(process, http, admin)
    finally:
        process.terminate()
        process.wait()


def _shared(mesh: RunningMesh) -> Mapping[str, str]:
    urls = service_urls(mesh.record.database_url, mesh.home)
    return {
        **own_environment(mesh.home),
        **{f"MAITRED_DB_{target.upper()}_URL": urls[target] for target in TARGETS},
        "REDIS_URL": mesh.record.redis_url,
        "MAITRED_DRAIN_DELAY_S": str(DRAIN_DELAY_S),
        "MAITRED_MESH_PUBLIC_KEYS": local_mesh_key(mesh.home).public_pem,
        "MAITRED_PAGE_TOKEN_KEY": mesh.home.secret(PAGE_TOKEN_KEY),
    }
