"""Jobs as a worker runs them: retries, progress, computations, cancellation, draining."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from maitred.jobs.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc

from services.chassis.data.jobs import Queue, to_job_id
from services.chassis.rpc.identity import Role
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, failure, metadata, with_role
from tests.support.working import TENANT, deferred, row, worker

MANAGER = with_role(TENANT, Role.MANAGER)


async def ended(database: MigratedDatabase, number: int, status: str) -> dict[str, Any]:
    """The job, once it has that status."""

    async def has_it() -> bool:
        return bool((await row(database, number))["status"] == status)

    await eventually(has_it)
    return dict(await row(database, number))


async def test_a_job_that_fails_is_tried_again_later(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "tries"
    async with worker(database):
        number = await deferred(database, "test.fail", Queue.DEFAULT, path=str(path), times=1)
        await ended(database, number, "succeeded")
    tries = [line.split() for line in path.read_text().splitlines()]
    assert [attempt for _, attempt, _ in tries] == ["1", "2"]
    # The first wait is between half of 200 ms and all of it.
    assert float(tries[1][2]) - float(tries[0][2]) >= 0.1


async def test_a_job_that_keeps_failing_is_kept_to_be_retried_by_hand(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "tries"
    async with worker(database) as address:
        number = await deferred(database, "test.fail", Queue.DEFAULT, path=str(path), times=3)
        kept = await ended(database, number, "failed")
        assert (kept["attempts"], kept["error"]) == (3, "ValueError")
        async with grpc.aio.insecure_channel(address) as channel:
            jobs = job_service_pb2_grpc.JobServiceStub(channel)
            request = job_service_pb2.RetryJobRequest(job_id=to_job_id(number))
            retried = await jobs.RetryJob(request, metadata=metadata(MANAGER))
            assert retried.job.state in (
                job_pb2.JOB_STATE_WAITING,
                job_pb2.JOB_STATE_RUNNING,
                job_pb2.JOB_STATE_FAILED,
            )

        async def was_tried_again() -> bool:
            return len(path.read_text().splitlines()) == 6

        await eventually(was_tried_again)
        await ended(database, number, "failed")


async def test_progress_is_written_and_its_last_word_kept(database: MigratedDatabase) -> None:
    async with worker(database):
        number = await deferred(database, "test.tell", Queue.INGESTION)
        told = await ended(database, number, "succeeded")
    assert (told["done"], told["total"], told["note"]) == (1000, 1000, "pages")


async def test_a_computation_runs_in_a_process_of_its_own(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "found"
    async with worker(database):
        number = await deferred(database, "test.compute", Queue.ANALYSIS, path=str(path), power=64)
        await ended(database, number, "succeeded")
    assert path.read_text().startswith("(20, ")


async def test_a_process_that_crashes_fails_its_job_alone(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "found"
    async with worker(database, processes=1):
        crashing = await deferred(database, "test.crash", Queue.ANALYSIS)
        kept = await ended(database, crashing, "failed")
        assert kept["error"] == "ComputeCrashed"
        number = await deferred(database, "test.compute", Queue.ANALYSIS, path=str(path), power=8)
        await ended(database, number, "succeeded")


async def test_a_job_is_called_off_while_it_runs(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "waits"
    async with worker(database) as address:
        number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
        await eventually_exists(path)
        async with grpc.aio.insecure_channel(address) as channel:
            jobs = job_service_pb2_grpc.JobServiceStub(channel)
            request = job_service_pb2.CancelJobRequest(job_id=to_job_id(number))
            await jobs.CancelJob(request, metadata=metadata(MANAGER))
            await ended(database, number, "aborted")
            again = await failure(jobs.CancelJob(request, metadata=metadata(MANAGER)))
            assert again.reason == "JOB_ENDED"
    assert "ended" not in path.read_text()


async def test_a_worker_that_drains_puts_back_what_does_not_end(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "waits"
    async with worker(database, drain_grace_s=2.2):
        number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
        await eventually_exists(path)
    assert (await row(database, number))["status"] == "todo"
    path.with_suffix(".leave").touch()
    async with worker(database):
        await ended(database, number, "succeeded")
    assert [line.split()[:2] for line in path.read_text().splitlines()] == [
        ["begun", "1"],
        ["begun", "2"],
        ["ended", "2"],
    ]


async def test_a_worker_outlives_its_connections(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "found"
    async with worker(database):
        number = await deferred(database, "test.tell", Queue.INGESTION)
        await ended(database, number, "succeeded")
        connection = await asyncpg.connect(database.service_url("worker"))
        try:
            lost = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user"
                " AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        assert lost >= 3
        number = await deferred(database, "test.compute", Queue.ANALYSIS, path=str(path), power=8)
        await ended(database, number, "succeeded")


async def test_a_run_that_was_taken_over_ends_nothing(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "waits"
    async with worker(database):
        number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
        await eventually_exists(path)
        # What another worker does that took this one for dead and is in the job itself now.
        await told(
            database,
            "WITH other AS (INSERT INTO jobs.procrastinate_workers DEFAULT VALUES RETURNING id)"
            " UPDATE jobs.procrastinate_jobs AS j SET attempts = 1, worker_id = other.id"
            f" FROM other WHERE j.id = {number}",
        )
        path.with_suffix(".leave").touch()

        async def has_ended() -> bool:
            return "ended" in await asyncio.to_thread(path.read_text)

        await eventually(has_ended)
    kept = await row(database, number)
    assert (kept["status"], kept["attempts"]) == ("doing", 1)


async def test_a_job_goes_back_though_another_waits_under_its_queueing_lock(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path, waits = tmp_path / "tries", tmp_path / "waits"
    async with worker(database):
        failing = await deferred(database, "test.fail", Queue.DEFAULT, path=str(path), times=0)
        lost = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(waits))
        await eventually_exists(waits)
        await ended(database, failing, "succeeded")
    assert (await row(database, lost))["status"] == "todo"
    # A worker has died in both, and a schedule has deferred each again meanwhile.
    await told(
        database,
        f"UPDATE jobs.procrastinate_jobs SET status = 'doing', worker_id = NULL,"
        f" queueing_lock = 'night' || id WHERE id IN ({failing}, {lost})",
    )
    await told(
        database,
        "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, queueing_lock, scheduled_at)"
        " SELECT queue_name, task_name, queueing_lock, now() + interval '1 day'"
        f" FROM jobs.procrastinate_jobs WHERE id IN ({failing}, {lost})",
    )
    waits.with_suffix(".leave").touch()
    async with worker(database):
        await ended(database, failing, "succeeded")
        await ended(database, lost, "succeeded")


async def test_a_job_is_tried_again_though_another_waits_under_its_queueing_lock(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "waits"
    async with worker(database, drain_grace_s=2.2):
        number = await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
        await eventually_exists(path)
        await told(
            database,
            f"UPDATE jobs.procrastinate_jobs SET queueing_lock = 'night' WHERE id = {number};"
            "INSERT INTO jobs.procrastinate_jobs"
            " (queue_name, task_name, queueing_lock, scheduled_at)"
            " VALUES ('analysis', 'test.wait', 'night', now() + interval '1 day')",
        )
    # A worker that drains has it tried again, as one does whose job failed.
    path.with_suffix(".leave").touch()
    kept = await row(database, number)
    assert (kept["status"], kept["attempts"]) == ("todo", 1)


async def test_a_worker_that_was_forgotten_makes_itself_known_again(
    database: MigratedDatabase,
) -> None:
    async with (
        worker(database) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        jobs = job_service_pb2_grpc.JobServiceStub(channel)

        async def lives() -> bool:
            request = job_service_pb2.GetWorkersRequest()
            return bool((await jobs.GetWorkers(request, metadata=metadata(MANAGER))).status == "ok")

        await eventually(lives)

        async def is_forgotten() -> bool:
            # What the others do with one that was silent for a minute. It may be back at once.
            await told(database, "DELETE FROM jobs.procrastinate_workers")
            return not await lives()

        await eventually(is_forgotten)
        await eventually(lives)


async def test_a_worker_lives_while_all_that_jobs_write_waits(database: MigratedDatabase) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        async with worker(database), connection.transaction():
            await connection.execute("LOCK TABLE jobs.progress IN ACCESS EXCLUSIVE MODE")
            for _ in range(4):
                await deferred(database, "test.tell", Queue.INGESTION)

            async def all_wait() -> bool:
                return bool(
                    await connection.fetchval(
                        "SELECT count(*) >= 2 FROM pg_locks"
                        " WHERE relation = 'jobs.progress'::regclass AND NOT granted"
                    )
                )

            await eventually(all_wait)
            waited = await connection.fetchval("SELECT clock_timestamp()")

            async def has_beaten() -> bool:
                return bool(
                    await connection.fetchval(
                        "SELECT max(last_heartbeat) > $1 FROM jobs.procrastinate_workers",
                        waited,
                    )
                )

            await eventually(has_beaten)
    finally:
        await connection.close()


async def test_a_queue_that_never_empties_leaves_places_to_the_others(
    database: MigratedDatabase, tmp_path: Path
) -> None:
    async with worker(database, concurrency=5):
        paths = [tmp_path / f"waits{number}" for number in range(8)]
        for path in paths:
            await deferred(database, "test.wait", Queue.ANALYSIS, path=str(path))
        await eventually_exists(paths[0])
        number = await deferred(database, "test.tell", Queue.INGESTION)
        await ended(database, number, "succeeded")
        number = await deferred(
            database, "test.fail", Queue.DEFAULT, path=str(tmp_path / "tries"), times=0
        )
        await ended(database, number, "succeeded")
        for path in paths:
            path.with_suffix(".leave").touch()
        for path in paths:
            await eventually_exists(path)


async def test_a_manager_sees_the_jobs_of_the_tenant_alone(database: MigratedDatabase) -> None:
    stranger = with_role(type(TENANT)(int=7), Role.MANAGER)
    async with worker(database) as address:
        number = await deferred(database, "test.tell", Queue.INGESTION)
        await ended(database, number, "succeeded")
        async with grpc.aio.insecure_channel(address) as channel:
            jobs = job_service_pb2_grpc.JobServiceStub(channel)
            request = job_service_pb2.ListJobsRequest(
                task="test.tell", state=job_pb2.JOB_STATE_SUCCEEDED, page_size=1
            )
            own = await jobs.ListJobs(request, metadata=metadata(MANAGER))
            assert [job.job_id for job in own.jobs] == [to_job_id(number)]
            foreign = await jobs.ListJobs(request, metadata=metadata(stranger))
            assert not foreign.jobs
            get = job_service_pb2.GetJobRequest(job_id=to_job_id(number))
            unseen = await failure(jobs.GetJob(get, metadata=metadata(stranger)))
            assert unseen.reason == "JOB_NOT_FOUND"


async def test_workers_and_queues_are_told_of(database: MigratedDatabase) -> None:
    async with (
        worker(database, queues="default,analysis") as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        request = job_service_pb2.GetWorkersRequest()

        async def is_listed() -> bool:
            state = await jobs.GetWorkers(request, metadata=metadata(MANAGER))
            return any(one.is_alive for one in state.workers)

        await eventually(is_listed)
        found = await jobs.GetWorkers(request, metadata=metadata(MANAGER))
    assert found.status == "degraded"
    assert {queue.queue: queue.workers for queue in found.queues} == {
        "analysis": 1,
        "default": 1,
        "ingestion": 0,
        "notifications": 0,
    }


@pytest.mark.parametrize("role", [Role.GUEST, Role.STAFF])
async def test_jobs_are_a_managers_to_see(database: MigratedDatabase, role: Role) -> None:
    async with (
        worker(database) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        refused = await failure(
            jobs.ListJobs(
                job_service_pb2.ListJobsRequest(), metadata=metadata(with_role(TENANT, role))
            )
        )
    assert refused.reason == "ROLE_REQUIRED"


async def eventually_exists(path: Path) -> None:
    async def exists() -> bool:
        return await asyncio.to_thread(path.exists)

    await eventually(exists)


async def told(database: MigratedDatabase, statement: str) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
