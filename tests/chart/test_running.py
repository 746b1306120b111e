"""What the chart tells each container starts it: the same arguments, the same variables.

Every workload of a release runs here as a process, with secrets of a database of its own. Changed
are only what a single machine cannot have: addresses, and the folder that is a volume.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.assembly.client import GatewayClient
from services.assembly.conversation import Conversation
from services.assembly.evals.tenant import scratch_tenant
from services.assembly.migrations import service_urls
from services.assembly.network import LOOPBACK
from services.chassis.rpc.identity import KeyPair, MeshSigner, new_key
from services.chassis.rpc.peers import Peers
from tests.chart.chart import Rendered, container, environment, of_kind, render, secrets
from tests.chart.test_image import image_environment
from tests.support.ports import free_port
from tests.support.servers import Servers

START_S = 120.0
VALUES = {"drain": {"delaySeconds": 0, "graceSeconds": 5}}
MENU = {
    "currency_code": "EUR",
    "products": [{"product_id": "tea", "name": "Tea", "price_minor": "250", "synonyms": ["teas"]}],
}


@dataclass(frozen=True, slots=True)
class Release:
    """A release at work on this machine.

    Attributes:
        ports: where each port of a container is here.
        key: of mesh tokens.
        logs: the folder of what each target writes, `<target>.log`.
    """

    rendered: Sequence[Rendered]
    ports: Mapping[int, int]
    key: KeyPair
    logs: Path

    def url(self, target: str, port: str) -> str:
        return f"http://{LOOPBACK}:{self.port(target, port)}"

    def port(self, target: str, named: str | int) -> int:
        """A port of a target's container, by name or number, as it is here."""
        ports = container(of_kind("Deployment", self.rendered)[target])["ports"]
        return self.ports[{one["name"]: one["containerPort"] for one in ports}.get(named, named)]

    def answers(self, target: str, probe: Mapping[str, Any]) -> bool:
        """Asks as the kubelet would."""
        if asked := probe.get("httpGet"):
            try:
                answer = httpx.get(self.url(target, asked["port"]) + asked["path"], timeout=5)
            except httpx.TransportError:
                return False
            return answer.status_code == HTTPStatus.OK
        address = f"{LOOPBACK}:{self.port(target, probe['grpc']['port'])}"
        request = health_pb2.HealthCheckRequest(service=probe["grpc"]["service"])
        with grpc.insecure_channel(address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            try:
                answered = health.Check(request, timeout=5)
            except grpc.RpcError:
                return False
        return bool(answered.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture(scope="module")
def release(
    servers: Servers, empty_database_url: str, redis_url: str, tmp_path_factory: Any
) -> Iterator[Release]:
    """The release, migrated by its Job, with every target started."""
    rendered = render(VALUES)
    deployments = of_kind("Deployment", rendered)
    key, home = new_key(), tmp_path_factory.mktemp("release")
    contents = {
        "maitred-database": {
            "migrator": empty_database_url,
            **service_urls(empty_database_url, servers.home),
        },
        "maitred-redis": {"url": redis_url},
        "maitred-mesh": {"public.pem": key.public_pem, "private.pem": key.private_pem},
        "maitred-page-tokens": {"key": "a test's"},
    }
    ports: dict[int, int] = {}

    def told(workload: Rendered) -> dict[str, str]:
        given = {
            variable: contents[name][field] for variable, (name, field) in secrets(workload).items()
        }
        here = {
            variable: on_this_machine(value, ports)
            for variable, value in environment(workload, rendered).items()
        }
        return image_environment() | here | given | {"MAITRED_HOME": str(home)}

    [job] = of_kind("Job", rendered).values()
    subprocess.run(command(job), env=told(job), cwd=home, check=True, timeout=START_S)
    for one in deployments.values():
        for port in container(one)["ports"]:
            ports[port["containerPort"]] = free_port(ports.values())
    with ExitStack() as stack:
        for target, one in deployments.items():
            log = stack.enter_context((home / f"{target}.log").open("w"))
            process = subprocess.Popen(
                command(one), env=told(one), cwd=home, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield Release(rendered, ports, key, home)


def command(workload: Rendered) -> list[str]:
    """The image's entry point with the container's arguments."""
    return [str(Path(sys.executable).with_name("maitred")), *container(workload)["args"]]


def on_this_machine(value: str, ports: Mapping[int, int]) -> str:
    """The value with its host and port, if it is an address, moved to loopback."""
    address = re.fullmatch(r"(|dns:///|ipv4:)([\w.-]+):(\d+)", value)
    if address is None:
        return value
    scheme, _, port = address.groups()
    return f"{scheme}{LOOPBACK}:{ports[int(port)]}"


@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_every_probe_of_every_target_is_answered(release: Release, kind: str) -> None:
    deadline = time.monotonic() + START_S
    waiting = {
        target: container(one)[kind]
        for target, one in of_kind("Deployment", release.rendered).items()
    }
    while waiting:
        logs = [(release.logs / f"{target}.log").read_text()[-2000:] for target in waiting]
        assert time.monotonic() < deadline, f"{kind} of {sorted(waiting)} is not answered: {logs}"
        waiting = {one: probe for one, probe in waiting.items() if not release.answers(one, probe)}
        time.sleep(0.1)


async def test_a_guest_of_a_new_tenant_orders_through_all_of_it(release: Release) -> None:
    """Which only works if the gateway and the coordinator find everyone they call."""
    peers = Peers({"gateway": f"ipv4:{LOOPBACK}:{release.port('gateway', 'grpc')}"})
    try:
        tenant = await scratch_tenant(
            peers, MeshSigner(release.key.private_pem, release.key.kid), "cluster"
        )
    finally:
        await peers.close()
    async with httpx.AsyncClient(base_url=release.url("gateway", "http"), timeout=60) as http:
        manager = GatewayClient(http, tenant.manager_key)
        await manager.call("POST", "/api/v1/products:import", {"catalog": MENU})
        guest = await GatewayClient.guest(http, tenant.slug)
        conversation = await Conversation.begin(guest)
        await guest.say(conversation.session_id, "two teas please")
        said = await guest.say(conversation.session_id, "yes, please")
        decision_id = await decided(guest)
        decision = await manager.call("GET", f"/api/v1/decisions/{decision_id}")
        trust = await manager.call("GET", "/api/v1/trust")
        found = await manager.call("POST", "/api/v1/search", {"query": "tea"})

    assert said["order"]["total_minor"] == "500"
    assert decision["decision_id"] == decision_id
    assert found["hits"] == []
    assert "trusts" in trust


async def decided(guest: GatewayClient) -> str:
    """The decision that a conversation began with: a late bandit is not waited for by guests."""
    async with asyncio.timeout(START_S):
        while True:
            conversation = await Conversation.begin(guest)
            answer = await guest.say(conversation.session_id, "hello")
            if answer["decision_id"]:
                return str(answer["decision_id"])
