"""`maitred serve`: targets as production runs them."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from services.assembly.home import Home
from services.assembly.network import LOOPBACK
from services.assembly.targets import TARGETS, select
from services.chassis.rpc.identity import new_key
from tests.support.mesh import START_S, own_environment, wait_until
from tests.support.ports import free_port
from tests.support.servers import MigratedDatabase, Servers

WORKERS = 2


@contextmanager
def serving(
    database: MigratedDatabase, home: Home, admin: int, *arguments: str
) -> Iterator["subprocess.Popen[bytes]"]:
    own = {"MAITRED_DB_ORDERS_URL": database.service_url("orders")}
    with serving_on(own, home, admin, *arguments) as process:
        yield process


@contextmanager
def serving_on(
    database: Mapping[str, str], home: Home, admin: int, *arguments: str
) -> Iterator["subprocess.Popen[bytes]"]:
    environ = own_environment(home) | {
        **database,
        "MAITRED_MESH_PUBLIC_KEYS": new_key().public_pem,
        "MAITRED_PAGE_TOKEN_KEY": "a test's",
        "MAITRED_ORDERS_LISTEN": f"{LOOPBACK}:{free_port()}",
        "MAITRED_ORDERS_ADMIN_LISTEN": f"{LOOPBACK}:{admin}",
    }
    command = [sys.executable, "-m", "services.assembly.cli", "serve", "orders", *arguments]
    with (home.logs / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/healthz").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def children(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in listed.split()}


def test_a_target_serves_and_ends_well_when_terminated(
    database: MigratedDatabase, tmp_home: Home
) -> None:
    admin = free_port()
    with serving(database, tmp_home, admin) as process:
        wait_until(lambda: is_healthy(admin), START_S)
        process.send_signal(signal.SIGTERM)

        assert process.wait() == 0


def test_a_target_told_no_database_of_its_own_works_in_the_role_that_was_made_for_it(
    servers: Servers, database: MigratedDatabase
) -> None:
    admin = free_port()
    with serving_on({"DATABASE_URL": database.url}, servers.home, admin):
        wait_until(lambda: is_healthy(admin), START_S)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_a_port_and_a_killed_one_is_replaced(
    database: MigratedDatabase, tmp_home: Home
) -> None:
    admin = free_port()
    with serving(database, tmp_home, admin, "--workers", str(WORKERS)) as process:
        wait_until(lambda: all(is_healthy(admin + number) for number in range(WORKERS)), START_S)
        before = children(process.pid)
        killed = min(before)
        subprocess.run(["kill", "-9", str(killed)], check=True)
        wait_until(
            lambda: killed not in (now := children(process.pid)) and len(now) == WORKERS, START_S
        )
        wait_until(lambda: all(is_healthy(admin + number) for number in range(WORKERS)), START_S)
        process.send_signal(signal.SIGTERM)

        assert len(before) == WORKERS
        assert process.wait() == 0


def test_all_is_every_target() -> None:
    assert select(["all"]) == TARGETS
    assert [target.name for target in select(["gateway", "orders", "gateway"])] == [
        "orders",
        "gateway",
    ]


@pytest.fixture
def tmp_home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()
