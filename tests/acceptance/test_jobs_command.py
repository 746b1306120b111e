"""`maitred jobs`, and what managers and staff see of jobs over HTTP."""

import json
import subprocess
import sys
from typing import Any

import httpx
import psycopg

from services.assembly.demo.access import DemoTenant
from services.assembly.migrations import service_urls
from tests.support.mesh import RunningMesh, own_environment, paused, wait_until
from tests.support.people import answered, client
from tests.support.services import eventually

# No worker knows such a job, so it fails at once and for good.
UNKNOWN = "test.unknown"


def jobs(mesh: RunningMesh, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.assembly.cli", "jobs", *words],
        env=own_environment(mesh.home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def listed(mesh: RunningMesh, *words: str) -> Any:
    done = jobs(mesh, *words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def fail_one(mesh: RunningMesh, tenant: DemoTenant) -> int:
    """The number of a job of the tenant that has failed."""
    url = service_urls(mesh.record.database_url, mesh.home)["worker"]
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT jobs.defer_v1('default', %s, jsonb_build_object('tenant_id', %s::text),"
            " NULL, NULL, NULL, 0)",
            [UNKNOWN, str(tenant.tenant_id)],
        ).fetchone()
        assert row is not None

        def has_failed() -> bool:
            found = connection.execute(
                "SELECT status::text FROM jobs.procrastinate_jobs WHERE id = %s", [row[0]]
            ).fetchone()
            return found == ("failed",)

        wait_until(has_failed, 60)
    return int(row[0])


def test_schedules_are_shown_with_when_they_come_next(mesh: RunningMesh) -> None:
    shown = {one["task"]: one for one in listed(mesh, "schedules")}
    assert {"learning.plan_cycles", "learning.refresh_trust"} <= shown.keys()
    assert shown["learning.refresh_trust"]["cron"] == "0 */6 * * *"
    assert all(one["next_time"] for one in shown.values())
    table = jobs(mesh, "schedules")
    assert table.returncode == 0
    assert "learning.refresh_trust" in table.stdout


def test_a_failed_job_is_shown_and_retried(mesh: RunningMesh, coffee_bar: DemoTenant) -> None:
    number = fail_one(mesh, coffee_bar)
    failed = listed(mesh, "list", "--status", "failed", "--queue", "default")
    assert (failed[0]["task"], failed[0]["tenant_id"]) == (UNKNOWN, str(coffee_bar.tenant_id))
    assert str(number) in jobs(mesh, "list", "--limit", "5").stdout
    assert listed(mesh, "retry", str(number)) == {"retried": [number]}
    # It is shown and retried whether or not a worker lives.
    wait_until(lambda: bool(listed(mesh, "list", "--status", "failed")), 60)
    with paused(mesh, "worker"):
        assert listed(mesh, "retry", "--failed")["retried"]
        refused = jobs(mesh, "retry", str(number))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"maitred: job {number} has not failed")


async def test_a_manager_sees_the_jobs_of_the_house(
    mesh: RunningMesh, coffee_bar: DemoTenant, rival: httpx.AsyncClient
) -> None:
    fail_one(mesh, coffee_bar)
    path = "/api/v1/jobs?state=JOB_STATE_FAILED"
    async with client(mesh, coffee_bar.manager_key) as manager:
        found = answered(await manager.get(path)).json()["jobs"]
        assert {one["task"] for one in found} == {UNKNOWN}
        again = await manager.post(f"/api/v1/jobs/{found[0]['job_id']}:retry", json={})
        assert answered(again).json()["job_id"] == found[0]["job_id"]
        assert answered(await manager.get("/api/v1/schedules")).json()["schedules"]
    assert answered(await rival.get(path)).json()["jobs"] == []
    hidden = await rival.get(f"/api/v1/jobs/{found[0]['job_id']}")
    assert (hidden.status_code, hidden.json()["reason"]) == (404, "JOB_NOT_FOUND")


async def test_staff_see_that_every_queue_has_a_worker(
    staff: httpx.AsyncClient, guest: httpx.AsyncClient
) -> None:
    async def is_alive() -> bool:
        # Its heart may have stood still, as while it was paused.
        state.update(answered(await staff.get("/health/workers")).json())
        return [one["is_alive"] for one in state["workers"]] == [True]

    state: dict[str, Any] = {}
    await eventually(is_alive)
    assert state["status"] == "ok"
    assert {queue["queue"] for queue in state["queues"]} == {
        "analysis",
        "default",
        "ingestion",
        "notifications",
    }
    assert (await guest.get("/health/workers")).status_code == 403
