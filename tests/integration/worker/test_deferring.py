"""Deferring a job from a service's transaction."""

import asyncio
from uuid import UUID

import asyncpg
import psycopg
import pytest

from services.chassis.data.jobs import Deferred, Queue, defer
from services.chassis.data.postgres import Database
from tests.support.servers import MigratedDatabase

TENANT = UUID("aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa")
OTHER = UUID("bbbbbbbb-bbbb-7bbb-8bbb-bbbbbbbbbbbb")


def a_job(task: str, tenant: UUID = TENANT, queueing_lock: str | None = None) -> Deferred:
    return Deferred(Queue.INGESTION, task, tenant, {"page": 1}, queueing_lock=queueing_lock)


def waiting(database: MigratedDatabase, task: str) -> list[tuple[str, dict[str, object]]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(
            "SELECT queue_name, args FROM jobs.procrastinate_jobs"
            " WHERE task_name = %s AND status = 'todo'",
            [task],
        ).fetchall()


def in_a_transaction(database: MigratedDatabase, *jobs: Deferred, fails: bool = False) -> list[int]:
    """The numbers of jobs deferred in one transaction of the tenant as orders."""

    async def deferring() -> list[int]:
        async with (
            Database.connect(database.service_url("orders")) as pool,
            pool.tenant(TENANT) as connection,
        ):
            numbers = [await defer(connection, job) for job in jobs]
            if fails:
                raise RuntimeError("rolled back")
        return [number for number in numbers if number is not None]

    return asyncio.run(deferring())


def test_a_job_exists_once_its_transaction_commits(database: MigratedDatabase) -> None:
    numbers = in_a_transaction(database, a_job("orders.kept"))
    assert len(numbers) == 1
    assert waiting(database, "orders.kept") == [
        ("ingestion", {"page": 1, "tenant_id": str(TENANT)})
    ]


def test_a_transaction_that_is_rolled_back_leaves_no_job(database: MigratedDatabase) -> None:
    with pytest.raises(RuntimeError, match="rolled back"):
        in_a_transaction(database, a_job("orders.dropped"), fails=True)
    assert waiting(database, "orders.dropped") == []


def test_of_jobs_with_one_queueing_lock_one_waits(database: MigratedDatabase) -> None:
    jobs = [a_job("orders.locked", queueing_lock="once") for _ in range(2)]
    assert len(in_a_transaction(database, *jobs)) == 1
    assert len(waiting(database, "orders.locked")) == 1


def test_a_tenants_transaction_defers_no_job_of_another(database: MigratedDatabase) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        in_a_transaction(database, a_job("orders.foreign", OTHER))


def test_a_service_can_only_defer(database: MigratedDatabase) -> None:
    with psycopg.connect(database.service_url("orders"), autocommit=True) as connection:
        for statement in (
            "SELECT id FROM jobs.procrastinate_jobs",
            "SELECT jobs.procrastinate_cancel_job_v1(1, true, true)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_role_that_does_not_defer_cannot(database: MigratedDatabase) -> None:
    with (
        psycopg.connect(database.service_url("bandit"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT jobs.defer_v1('default', 'x', '{}'::jsonb, NULL, NULL, NULL, 0)")
