"""A complete mesh for acceptance tests: what `maitred up` starts, on ports of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.assembly.demo.access import DemoTenant, read_tenants
from services.assembly.embedded.privileges import launcher
from services.assembly.home import Home
from services.assembly.record import ProcessRecord, RunRecord, read_record
from services.assembly.supervisor import State
from tests.support.ports import own_ports

START_S = 120.0
# Of what `maitred up` printed, if it fails.
TOLD = 2000
PROCESSES = (
    "gateway",
    "coordinator",
    "orders",
    "bandit",
    "learning",
    "retrieval",
    "relay",
    "worker",
    "postgres",
    "valkey",
)


@dataclass(frozen=True, slots=True)
class RunningMesh:
    """A mesh that runs in processes of its own, as its record tells."""

    home: Home

    @property
    def record(self) -> RunRecord:
        """What runs at this moment."""
        record = read_record(self.home)
        assert record is not None, "the mesh has stopped"
        return record

    @property
    def gateway_url(self) -> str:
        """Such as http://127.0.0.1:43210."""
        return self.record.gateway_url

    @property
    def demo(self) -> Sequence[DemoTenant]:
        """The demo tenants with their API keys."""
        return read_tenants(self.home)

    def address(self, name: str, kind: str) -> str:
        """The host:port of a process; kinds are http, grpc, admin and tcp."""
        return self.record.process(name).addresses[kind]

    def kill(self, name: str) -> ProcessRecord:
        """SIGKILL a target, `postgres` or `valkey`; what it was, for `wait_until_back`."""
        killed = self.record.process(name)
        assert killed.pid is not None, f"{name} {killed.state}"
        os.kill(killed.pid, signal.SIGKILL)
        return killed

    def wait_until_back(self, killed: ProcessRecord, seconds: float = START_S) -> ProcessRecord:
        """The process that has taken the killed one's place, once it is ready."""

        def is_back() -> bool:
            now = self.record.process(killed.name)
            return now.pid != killed.pid and now.state == State.READY

        wait_until(is_back, seconds)
        return self.record.process(killed.name)

    def wait_until_gone(self, seconds: float = START_S) -> None:
        """Until the mesh, asked to stop, has stopped."""
        wait_until(lambda: not self.home.is_held(), seconds)

    def log(self, name: str) -> str:
        """All that a process has logged."""
        return (self.home.logs / f"{name}.log").read_text()


@contextmanager
def running_mesh(
    home: Home, *, fresh: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[RunningMesh]:
    """`maitred up` with data of its own, ready and seeded, for as long as the block lasts.

    Args:
        home: the state folder, kept in the end.
        fresh: forget the data it has.
        settings: environment on top of the defaults.
    """
    home.ensure()
    command = [sys.executable, "-m", "services.assembly.cli", "up", "--port", "0"]
    if fresh:
        command.append("--fresh")
    with (home.logs / "console.log").open("w") as console:
        process = subprocess.Popen(
            [*launcher("TERM", None), *command],
            env=own_environment(home) | dict(settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_S
        while not _is_ready(home):
            if process.poll() is not None or time.monotonic() > deadline:
                told = (home.logs / "console.log").read_text()[-TOLD:]
                raise RuntimeError(f"the mesh did not start: {process.poll()}\n{told}")
            time.sleep(0.02)
        yield RunningMesh(home)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def paused(mesh: RunningMesh, name: str) -> Iterator[None]:
    """A process of the mesh does nothing while the block lasts."""
    process = mesh.record.process(name)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def own_environment(home: Home) -> dict[str, str]:
    """This process's environment without any setting of ours but those that keep it apart."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAITRED_", "DATABASE_URL", "REDIS_URL"))
    }
    ports = own_ports()
    return inherited | {
        "MAITRED_HOME": str(home.path),
        "MAITRED_QUIET_PORTS": f"{ports[0]}-{ports[-1]}",
    }


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    """Poll until it has happened; fails after that many seconds."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _is_ready(home: Home) -> bool:
    record = read_record(home)
    return record is not None and record.ready
