"""Schema `jobs`, beside what Procrastinate does there itself."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.data.jobs import Queue
from services.chassis.data.postgres import Database, Queries
from services.worker.state import (
    BY_STATUS,
    FORGET_S,
    STALL_S,
    STATUSES,
    JobRow,
    JobState,
    ProgressNote,
    QueueRow,
    ScheduleRow,
    WorkerRow,
)

_SQL = Queries.load(__package__)
_DELETED_AT_ONCE = 5000


class JobStore:
    """Every statement is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(
        self,
        worker_id: int,
        name: str,
        queues: Iterable[str],
        concurrency: int,
        *,
        is_draining: bool,
    ) -> None:
        """Names a worker, and says whether it begins no more jobs."""
        await self._execute(
            _SQL.announce_worker, worker_id, name, list(queues), concurrency, is_draining
        )

    async def beat(self, worker_id: int) -> bool:
        """The worker lives; those that have long been dead are forgotten. False if it was one."""
        is_known = bool(await self._fetch(_SQL.beat, worker_id))
        await self._execute(_SQL.forget_workers, FORGET_S)
        return is_known

    async def end_run(self, number: int, worker_id: int, attempts: int, status: str) -> bool:
        """A job's run has come to a status; False, and nothing, if it is not its current one."""
        return bool(await self._fetch(_SQL.end_run, number, worker_id, attempts, status))

    async def put_back(
        self, number: int, worker_id: int, attempts: int, at: datetime | None
    ) -> bool:
        """A job is to run again, not before `at`; False, and nothing, as `end_run`."""
        return bool(await self._fetch(_SQL.put_back, number, worker_id, attempts, at))

    async def keep_schedules(self, schedules: Sequence[tuple[str, str, str]]) -> None:
        """Replaces what is known of schedules by these: task, cron, queue."""
        columns = [[one[column] for one in schedules] for column in range(3)]
        await self._execute(_SQL.keep_schedules, *columns)

    async def schedules(self) -> list[ScheduleRow]:
        """All of them, by task."""
        rows = await self._fetch(_SQL.list_schedules)
        return [
            ScheduleRow(row["task"], row["cron"], row["queue"], row["last_time"]) for row in rows
        ]

    async def rescue(
        self, worker_id: int, orphans: Iterable[int], attempts: Mapping[str, int], otherwise: int
    ) -> list[tuple[int, str, str, int]]:
        """Takes jobs from dead workers, and those of `orphans`, so that they are fetched again.

        Args:
            worker_id: ours.
            orphans: jobs that are ours in the database and that we are not in.
            attempts: how often a task is attempted at most.
            otherwise: the same for other tasks.

        Returns:
            Of each: number, task, status now, attempts begun.
        """
        rows = await self._fetch(
            _SQL.rescue,
            STALL_S,
            list(orphans),
            worker_id,
            list(attempts),
            list(attempts.values()),
            otherwise,
        )
        return [(row["id"], row["task_name"], row["status"], row["attempts"]) for row in rows]

    async def running_of(self, worker_id: int) -> set[int]:
        """The jobs a worker is in, says the database."""
        return {row["id"] for row in await self._fetch(_SQL.running_of_worker, worker_id)}

    async def note_progress(self, number: int, done: int, total: int, note: str) -> None:
        """Writes how far a job is."""
        await self._execute(_SQL.note_progress, number, done, total, note)

    async def note_error(self, number: int, kind: str) -> None:
        """Writes the kind of a job's failure."""
        await self._execute(_SQL.note_error, number, kind)

    async def forget(self, ended_s: float, failed_s: float) -> int:
        """Deletes jobs that ended longer ago; how many."""
        deleted = 0
        while True:
            async with self._database.connection() as connection:
                tag: str = await connection.execute(
                    _SQL.forget_jobs, ended_s, failed_s, _DELETED_AT_ONCE
                )
            count = int(tag.rpartition(" ")[2])
            deleted += count
            if count < _DELETED_AT_ONCE:
                return deleted

    async def page(
        self,
        before: int | None,
        tenant: UUID | None,
        queue: str,
        task: str,
        state: JobState | None,
        most: int,
    ) -> list[JobRow]:
        """Jobs below a number, newest first; of a tenant, queue, task and state unless empty."""
        rows = await self._fetch(
            _SQL.list_jobs,
            before,
            str(tenant) if tenant else None,
            queue or None,
            task or None,
            list(STATUSES[state]) if state else None,
            most,
        )
        return [_job(row) for row in rows]

    async def job(self, number: int, tenant: UUID | None) -> JobRow | None:
        """A job, if it is the tenant's."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL.get_job, number, str(tenant) if tenant else None)
        return _job(row) if row else None

    async def retry(self, number: int) -> bool:
        """Has a failed job run again; False if it has not failed."""
        return bool(await self._fetch(_SQL.retry_job, number))

    async def failed(self) -> list[int]:
        """The failed jobs."""
        return [row["id"] for row in await self._fetch(_SQL.failed_jobs)]

    async def cancel(self, number: int) -> bool:
        """Calls a job off; False if it has ended."""
        rows = await self._fetch(_SQL.cancel_job, number)
        return rows[0]["id"] is not None

    async def workers(self) -> list[WorkerRow]:
        """Every worker, by name."""
        return [
            WorkerRow(
                row["name"],
                row["queues"],
                row["concurrency"],
                row["age_s"],
                row["running"],
                row["is_draining"],
            )
            for row in await self._fetch(_SQL.list_workers)
        ]

    async def queues(self) -> list[QueueRow]:
        """Every queue there is, and every other one that has jobs, by name."""
        rows = await self._fetch(_SQL.measure_queues)
        found = {
            row["queue"]: QueueRow(
                row["queue"],
                row["waiting"],
                max(row["oldest_age_s"], 0.0),
                row["running"],
                row["failed"],
            )
            for row in rows
        }
        return [found.get(name) or QueueRow(name) for name in sorted({*Queue, *found})]

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *arguments)

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._database.connection() as connection:
            return list(await connection.fetch(statement, *arguments))


def _job(row: asyncpg.Record) -> JobRow:
    state = BY_STATUS[row["status"]]
    is_running = state is JobState.RUNNING
    told = row["update_time"] is not None and (row["total"] or row["done"] or row["note"])
    return JobRow(
        number=row["id"],
        queue=row["queue_name"],
        task=row["task_name"],
        tenant=row["tenant"] or "",
        state=state,
        attempts=row["attempts"] + (1 if is_running else 0),
        progress=(
            ProgressNote(row["done"], row["total"], row["note"], row["update_time"])
            if told
            else None
        ),
        error=row["error"] or "",
        create_time=row["create_time"],
        schedule_time=row["scheduled_at"],
        start_time=row["start_time"],
        end_time=row["end_time"] if state not in (JobState.WAITING, JobState.RUNNING) else None,
        worker=(row["worker"] or "") if is_running else "",
    )
