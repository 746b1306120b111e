"""`maitred up` and the commands beside it, as a person uses them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from http import HTTPStatus

import httpx
import psycopg
import pytest
import redis

from services.assembly.home import Home
from services.assembly.record import read_record
from services.assembly.supervisor import State
from tests.support.mesh import RunningMesh, is_running, own_environment, running_mesh, wait_until
from tests.support.servers import Servers

TARGETS = ["relay", "orders", "retrieval", "bandit", "learning", "worker", "coordinator", "gateway"]


def maitred(
    home: Home, *arguments: str, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", *arguments],
        env=own_environment(home) | {"COLUMNS": "200"} | dict(settings or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_everything_is_up_and_says_so(mesh: RunningMesh) -> None:
    record = mesh.record

    assert [one.name for one in record.processes[:2]] == ["postgres", "valkey"]
    assert {one.name for one in record.processes[2:]} == set(TARGETS)
    assert {one.state for one in record.processes} == {State.READY}
    for target in TARGETS:
        answer = httpx.get(f"http://{mesh.address(target, 'admin')}/healthz")
        assert answer.status_code == HTTPStatus.OK


def test_the_demo_key_opens_the_api(mesh: RunningMesh) -> None:
    lines = mesh.home.demo_env.read_text().splitlines()
    demo = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    answer = httpx.get(
        f"{demo['MAITRED_URL']}/api/v1/orders",
        headers={"authorization": f"Bearer {demo['MAITRED_API_KEY']}"},
    )

    assert demo["MAITRED_TENANT"] == mesh.demo[0].slug
    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize("name", [*TARGETS, "postgres", "valkey"])
def test_what_is_killed_comes_back_where_it_was(mesh: RunningMesh, name: str) -> None:
    back = mesh.wait_until_back(mesh.kill(name))

    assert back.restarts >= 1
    assert back.addresses == mesh.record.process(name).addresses
    assert f"{name} was killed by SIGKILL" in (mesh.home.logs / "console.log").read_text()


def test_data_outlive_the_kill_of_their_server(mesh: RunningMesh) -> None:
    with psycopg.connect(mesh.record.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    with redis.Redis.from_url(mesh.record.redis_url) as client:
        client.set("kept", "yes")
        client.waitaof(1, 0, 5000)
    for name in ("postgres", "valkey"):
        mesh.wait_until_back(mesh.kill(name))

    with psycopg.connect(mesh.record.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        connection.execute("DROP TABLE kept")
    with redis.Redis.from_url(mesh.record.redis_url) as client:
        assert client.getdel("kept") == b"yes"


def test_status_lists_every_process(mesh: RunningMesh) -> None:
    shown = maitred(mesh.home, "status")

    assert shown.returncode == 0
    for one in mesh.record.processes:
        assert f" {one.name} " in shown.stdout
        assert f" {one.pid} " in shown.stdout


def test_a_second_up_says_where_the_first_one_is(mesh: RunningMesh) -> None:
    said = maitred(mesh.home, "up")

    assert said.returncode == 0
    assert f"pid {mesh.record.pid}" in said.stdout
    assert mesh.gateway_url in said.stdout


def test_migrate_finds_the_running_mesh_at_head(mesh: RunningMesh) -> None:
    assert maitred(mesh.home, "migrate").stdout == "Every schema is at its newest revision.\n"


def test_a_token_is_taken_by_the_services(mesh: RunningMesh) -> None:
    token = maitred(mesh.home, "token", "--role", "staff", "--tenant", mesh.demo[1].slug)
    refused = maitred(mesh.home, "token", "--role", "emperor")

    assert token.stdout.count(".") == 2
    assert refused.returncode == 1
    assert "no such role" in refused.stderr


def test_a_terminated_mesh_leaves_nothing_behind_and_starts_again(mesh: RunningMesh) -> None:
    home = Home(mesh.home.path.parent / "second")
    with running_mesh(home) as second:
        record = second.record
        os.kill(record.pid, signal.SIGTERM)
        second.wait_until_gone()
        stopped = (home.logs / "console.log").read_text()
        left = [one.name for one in record.processes if one.pid and is_running(one.pid)]

    assert "Stopped." in stopped
    assert left == []
    assert read_record(home) is None

    with running_mesh(home, fresh=False) as again:
        assert again.demo == second.demo


def test_a_killed_supervisor_takes_everything_along_and_can_be_replaced(mesh: RunningMesh) -> None:
    home = Home(mesh.home.path.parent / "second")
    with running_mesh(home, fresh=False) as first:
        record = first.record
        os.kill(record.pid, signal.SIGKILL)
        first.wait_until_gone()

    with running_mesh(home, fresh=False) as second:
        assert second.demo == first.demo
        pids = [one.pid for one in record.processes if one.pid]
        wait_until(lambda: not any(is_running(pid) for pid in pids), 30)


def test_a_detached_mesh_outlives_its_command_until_it_is_taken_down(home: Home) -> None:
    detached = Home(home.path / "second")
    started = maitred(detached, "up", "--detach", "--port", "0")
    record = read_record(detached)
    stopped = maitred(detached, "down")

    assert started.returncode == 0, started.stderr
    assert record is not None
    assert record.ready
    assert record.gateway_url in started.stdout
    assert stopped.stdout.startswith("Stopped.")
    assert maitred(detached, "status").returncode == 3
    assert maitred(detached, "down").stdout == "Nothing is running.\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@127.0.0.1:1/0", "no answer at 127.0.0.1:1"),
        ("http://:secret@127.0.0.1", "REDIS_URL=•••: must begin with redis://"),
    ],
)
def test_a_redis_that_cannot_be_had_is_told_at_once(home: Home, url: str, said: str) -> None:
    ours = Home(home.path / "elsewhere").ensure()
    refused = maitred(ours, "up", "--port", "0", settings={"REDIS_URL": url})
    assert refused.returncode == 1
    told = " ".join((refused.stdout + refused.stderr).split())
    assert said in told
    assert "secret" not in told
    assert "Traceback" not in told


def test_servers_of_your_own_are_used_instead_of_embedded_ones(
    servers: Servers, home: Home
) -> None:
    ours = Home(home.path / "external").ensure()
    for password in home.path.glob("maitred_*.password"):
        # The roles are the server's, shared with the other tests.
        shutil.copy(password, ours.path)
    settings = {
        "DATABASE_URL": servers.create_database("external", template="maitred"),
        "REDIS_URL": servers.redis_url,
        "MAITRED_GATEWAY_HTTP_LISTEN": "0.0.0.0:8080",
    }
    with running_mesh(ours, fresh=False, settings=settings) as external:
        names = {one.name for one in external.record.processes}
        answer = httpx.get(f"{external.gateway_url}/health")
        assert external.gateway_url.startswith("http://127.0.0.1:")
        refused = maitred(external.home, "up", "--fresh")

    assert names == set(TARGETS)
    assert answer.status_code == HTTPStatus.OK
    assert refused.returncode == 1
    servers.drop_database("external")
