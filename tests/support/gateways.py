"""Gateway processes behind one address, on the servers and services of a test's house."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from services.assembly.network import LOOPBACK
from tests.support.mesh import wait_until
from tests.support.ports import free_port, nowhere
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY

START_S = 120.0


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """One process; `admin` and `grpc` are `host:port`."""

    process: subprocess.Popen[bytes]
    admin: str
    grpc: str

    def kill(self) -> None:
        """Ends it as a machine that fails does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def drain(self) -> None:
        """Asks it to end, and waits until it has."""
        self.process.terminate()
        self.process.wait()

    def is_ready(self) -> bool:
        """What a load balancer asks."""
        try:
            return httpx.get(f"http://{self.admin}/healthz").is_success
        except httpx.TransportError:
            return False


class Fleet:
    """Gateways that share one port, which the kernel deals connections out of.

    Args:
        environment: of each process, but for where it listens.
        stack: stops what was started.
    """

    def __init__(self, environment: Mapping[str, str], stack: ExitStack) -> None:
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self._environment = environment
        self._stack = stack
        self._started: list[GatewayProcess] = []

    def at_least(self, count: int) -> list[GatewayProcess]:
        """The gateways that run, after as many were started as are missing."""
        running = [one for one in self._started if one.process.poll() is None]
        while len(running) < count:
            running.append(self.start())
        self._started = running
        return list(running)

    def start(self) -> GatewayProcess:
        """One more gateway, which answers."""
        taken = {int(self.url.rpartition(":")[2])}
        taken.add(first := free_port(taken))
        admin, grpc = f"{LOOPBACK}:{first}", f"{LOOPBACK}:{free_port(taken)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "services.assembly.cli", "serve", "gateway"],
            env={
                **self._environment,
                "MAITRED_SHARE_PORTS": "true",
                "MAITRED_GATEWAY_HTTP_LISTEN": self.url.removeprefix("http://"),
                "MAITRED_GATEWAY_LISTEN": grpc,
                "MAITRED_GATEWAY_ADMIN_LISTEN": admin,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(_stop, process)
        started = GatewayProcess(process, admin, grpc)
        wait_until(started.is_ready, START_S)
        return started


@contextmanager
def fleet(database: MigratedDatabase, redis_url: str, **settings: str) -> Iterator[Fleet]:
    """A fleet of no gateways yet; `settings` are environment variables beside the usual."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **nowhere(),
        "MAITRED_DB_GATEWAY_URL": database.service_url("gateway"),
        "REDIS_URL": redis_url,
        "MAITRED_MESH_PRIVATE_KEY": KEY.private_pem,
        "MAITRED_MESH_PUBLIC_KEYS": KEY.public_pem,
        "MAITRED_PAGE_TOKEN_KEY": "test",
        "MAITRED_DRAIN_DELAY_S": "0",
        **settings,
    }
    with ExitStack() as stack:
        yield Fleet(environment, stack)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
