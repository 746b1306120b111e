"""Two workers: one dies in a job, the other finishes it, and the house knows throughout."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import httpx
from maitred.identity.v1 import (
    access_pb2,
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
)

from gateway.config import GatewayConfig
from gateway.wiring import build as build_gateway
from services.chassis.data.jobs import Queue
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Target
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, SETTINGS, eventually, metadata, running
from tests.support.working import WorkerProcess, deferred, row, worker_process

PATH = "/health/workers"
# Longer than a silent heart is believed, and than a busy machine takes to notice.
TAKEOVER_S = 60


@asynccontextmanager
async def staff(
    database: MigratedDatabase, redis_url: str, *workers: WorkerProcess
) -> AsyncIterator[httpx.AsyncClient]:
    """A member of the staff at a gateway that knows these workers."""
    settings = {
        **SETTINGS,
        "http_listen": "127.0.0.1:0",
        "database_url": database.service_url("gateway"),
        "redis_url": redis_url,
        "mesh_private_key": KEY.private_pem,
        "worker_address": f"ipv4:{','.join(one.address for one in workers)}",
    }
    async with running(Target("gateway", GatewayConfig(**settings), build_gateway)) as bound:
        secret = await _key(f"127.0.0.1:{bound.grpc['gateway']}")
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{bound.http['gateway']}",
            headers={"authorization": f"Bearer {secret}"},
            timeout=20,
        ) as client:
            yield client


async def _key(address: str) -> str:
    admin = frozenset({Role.ADMIN})
    async with grpc.aio.insecure_channel(address) as channel:
        tenants = tenant_service_pb2_grpc.TenantServiceStub(channel)
        created = await tenants.CreateTenant(
            tenant_service_pb2.CreateTenantRequest(
                slug=f"workers-{uuid4().hex[:8]}", display_name="Workers", time_zone="Europe/Rome"
            ),
            metadata=metadata(Principal(UUID(int=0), "svc_tests", admin)),
        )
        keys = api_key_service_pb2_grpc.ApiKeyServiceStub(channel)
        principal = Principal(UUID(created.tenant.tenant_id), "svc_tests", admin)
        key = await keys.CreateApiKey(
            api_key_service_pb2.CreateApiKeyRequest(
                display_name="test", roles=[access_pb2.ROLE_STAFF]
            ),
            metadata=metadata(principal),
        )
    return str(key.secret)


async def told(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    """The status of the answer and what it says."""
    answer = await client.get(PATH)
    return answer.status_code, answer.json()


def alive(state: dict[str, Any]) -> set[int]:
    """Process ids of the workers said to live."""
    return {int(one["name"].rpartition(":")[2]) for one in state["workers"] if one["is_alive"]}


async def test_another_worker_finishes_the_job_of_one_that_died(
    database: MigratedDatabase, redis_url: str, tmp_path: Path
) -> None:
    path, log = tmp_path / "job", tmp_path / "log"
    with worker_process(database, log) as one, worker_process(database, log) as other:
        async with staff(database, redis_url, one, other) as client:
            both = {one.pid, other.pid}

            async def both_live() -> bool:
                return alive((await told(client))[1]) == both

            await eventually(both_live)
            number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
            victim = await _in_it(path, 1)
            status, state = await told(client)
            assert (status, state["status"], alive(state)) == (200, "ok", both)
            assert [len(each["running_job_ids"]) for each in state["workers"]].count(1) == 1

            dying, left = (one, other) if victim == one.pid else (other, one)
            dying.kill()

            async def is_known() -> bool:
                status, state = await told(client)
                # Its queues have another live worker all the while.
                assert (status, state["status"]) == (200, "ok")
                return alive(state) == {left.pid}

            await eventually(is_known, TAKEOVER_S)
            assert await _in_it(path, 2) == left.pid
            path.with_suffix(".leave").touch()

            async def is_done() -> bool:
                return bool((await row(database, number))["status"] == "succeeded")

            await eventually(is_done)
            lines = path.read_text().splitlines()
            assert lines == [f"begun 1 {victim}", f"begun 2 {left.pid}", f"ended 2 {left.pid}"]

            left.kill()
            status, state = await told(client)
            assert (status, state) == (503, {"status": "down", "workers": [], "queues": []})


async def _in_it(path: Path, attempt: int) -> int:
    """The process that began that attempt, once one did."""

    def begun() -> list[list[str]]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split() for line in lines if line.startswith(f"begun {attempt} ")]

    async def has_begun() -> bool:
        return bool(await asyncio.to_thread(begun))

    await eventually(has_begun, TAKEOVER_S)
    return int(begun()[0][2])


async def test_a_worker_that_drains_is_told_of_and_serves_nothing(
    database: MigratedDatabase, redis_url: str, tmp_path: Path
) -> None:
    path, log = tmp_path / "job", tmp_path / "log"
    with (
        worker_process(database, log, drain_grace_s=60) as one,
        worker_process(database, log, queues="default", drain_grace_s=60) as other,
    ):
        async with staff(database, redis_url, other) as client:
            number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
            assert await _in_it(path, 1) == one.pid

            async def is_well() -> bool:
                return len(alive((await told(client))[1])) == 2

            await eventually(is_well)
            assert (await told(client))[0] == 200
            one.process.terminate()

            async def is_told() -> bool:
                return any(each["is_draining"] for each in (await told(client))[1]["workers"])

            await eventually(is_told)
            status, state = await told(client)
            assert (status, state["status"]) == (503, "degraded")
            (draining,) = [each for each in state["workers"] if each["is_draining"]]
            assert draining["is_alive"]
            assert len(draining["running_job_ids"]) == 1
            assert {queue["queue"]: queue["workers"] for queue in state["queues"]} == {
                "analysis": 0,
                "default": 1,
                "ingestion": 0,
                "notifications": 0,
            }
            path.with_suffix(".leave").touch()

            async def has_left() -> bool:
                return alive((await told(client))[1]) == {other.pid}

            await eventually(has_left)
            assert (await row(database, number))["status"] == "succeeded"
