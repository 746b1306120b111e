"""What Procrastinate's worker asks of the database, where ours is stricter than its own.

How a run ended counts only while it is the job's current one: a worker that was silent for long
comes back to jobs that others are in. And no queue may have all places, or jobs that are slow, such
as webhooks of receivers that take their time, would keep every other from being run.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from services.worker.places import open_queues
from services.worker.store import JobStore

if TYPE_CHECKING:
    from procrastinate.connector import BaseAsyncConnector
    from procrastinate.manager import NotificationCallback

_log = structlog.get_logger(__name__)


class RunManager(JobManager):
    """Of one worker, that has so many places."""

    def __init__(self, connector: "BaseAsyncConnector", store: JobStore, places: int) -> None:
        super().__init__(connector)
        self._store = store
        self._places = places
        self._running: Counter[str] = Counter()
        self._has_left_out = False
        self._on_notification: NotificationCallback | None = None

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next job of the queues that may have one more place."""
        served = list(queues or ())
        chosen = open_queues(served, self._running, self._places)
        self._has_left_out = len(chosen) < len(served)
        job = await super().fetch_job(chosen, worker_id)
        if job is not None:
            self._running[job.queue] += 1
        return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Ends a job, if this run is its current one."""
        try:
            self._tell(job, is_ours=await self._store.end_run(*_run(job), status.value))
        finally:
            await self._leave(job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Puts a job back, if this run is its current one; our rules change nothing but when."""
        try:
            self._tell(job, is_ours=await self._store.put_back(*_run(job), retry_at))
        finally:
            await self._leave(job)

    async def listen_for_jobs(
        self, *, on_notification: "NotificationCallback", queues: Iterable[str] | None = None
    ) -> None:
        """As its own; we notify, too."""
        self._on_notification = on_notification
        await super().listen_for_jobs(on_notification=on_notification, queues=queues)

    def _tell(self, job: Job, *, is_ours: bool) -> None:
        if not is_ours:
            _log.warning("job_was_taken_over", job=job.task_name, job_id=job.id)

    async def _leave(self, job: Job) -> None:
        """Gives a place back; who was left out for want of one is looked for at once."""
        self._running[job.queue] -= 1
        if self._has_left_out and self._on_notification is not None:
            await self._on_notification(
                channel="", notification={"type": "job_inserted", "job_id": job.id or 0}
            )


def _run(job: Job) -> tuple[Any, Any, int]:
    return job.id, job.worker_id, job.attempts
