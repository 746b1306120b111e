"""What is kept of jobs and told of queues, however many there are."""

from collections.abc import AsyncIterator

import pytest

from services.chassis.data.postgres import Database
from services.worker.state import JobState
from services.worker.store import JobStore
from tests.support.servers import MigratedDatabase

DAY_S = 86_400.0


@pytest.fixture
async def jobs(database: MigratedDatabase) -> AsyncIterator[Database]:
    """The worker's database, without jobs."""
    async with Database.connect(database.service_url("worker")) as connected:
        async with connected.connection() as connection:
            await connection.execute("DELETE FROM jobs.procrastinate_jobs")
        yield connected


async def put(
    jobs: Database, queue: str, status: str, days_ago: float, hours_to_wait: int | None = None
) -> int:
    """A job that was deferred, and came to its status, so many days ago."""
    async with jobs.transaction() as connection:
        number: int = await connection.fetchval(
            "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES ($1, 'test.any', now() + make_interval(hours => $2)) RETURNING id",
            *(queue, hours_to_wait),
        )
        await connection.execute(
            "UPDATE jobs.procrastinate_jobs SET status = $2 WHERE id = $1", number, status
        )
        await connection.execute(
            "UPDATE jobs.procrastinate_events SET at = now() - make_interval(secs => $2)"
            " WHERE job_id = $1",
            *(number, days_ago * DAY_S),
        )
    return number


async def test_what_ended_long_ago_is_deleted_and_what_failed_later(jobs: Database) -> None:
    store = JobStore(jobs)
    old = [await put(jobs, "default", status, 8) for status in ("succeeded", "cancelled")]
    old.append(await put(jobs, "default", "failed", 31))
    kept = [
        await put(jobs, "default", "succeeded", 6),
        await put(jobs, "default", "failed", 29),
        await put(jobs, "default", "todo", 40),
    ]
    assert await store.forget(7 * DAY_S, 30 * DAY_S) == len(old)
    assert [job.number for job in await store.page(None, None, "", "", None, 10)] == kept[::-1]


async def test_jobs_are_listed_by_state(jobs: Database) -> None:
    failed = await put(jobs, "default", "failed", 1)
    aborted = await put(jobs, "default", "aborted", 1)
    await put(jobs, "default", "todo", 1)
    found = {
        state: [job.number for job in await JobStore(jobs).page(None, None, "", "", state, 10)]
        for state in (JobState.FAILED, JobState.CANCELLED, JobState.RUNNING)
    }
    assert found == {
        JobState.FAILED: [failed],
        JobState.CANCELLED: [aborted],
        JobState.RUNNING: [],
    }


async def test_a_queue_is_as_old_as_what_waits_longest_in_it(jobs: Database) -> None:
    await put(jobs, "default", "todo", 0)
    await put(jobs, "default", "todo", 2)
    await put(jobs, "default", "todo", 3, hours_to_wait=-24)
    await put(jobs, "default", "todo", 9, hours_to_wait=1)
    await put(jobs, "analysis", "todo", 5, hours_to_wait=-6)
    await put(jobs, "ingestion", "failed", 4)
    found = {one.queue: one for one in await JobStore(jobs).queues()}
    assert found["default"].waiting == 3
    assert found["default"].oldest_age_s == pytest.approx(2 * DAY_S, abs=60)
    assert found["analysis"].oldest_age_s == pytest.approx(DAY_S / 4, abs=60)
    assert (found["ingestion"].failed, found["ingestion"].oldest_age_s) == (1, 0)
