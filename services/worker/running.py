"""Runs jobs: Procrastinate's worker, with what it takes to lose one without losing a job.

Every worker beats its own heart, also while it drains, and looks every two seconds for jobs whose
worker is silent: those go back into their queue. A job therefore runs at least once.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions
from procrastinate.job_context import AbortReason
from procrastinate.job_context import JobContext as Run
from procrastinate.jobs import Job as Row
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker

from services.chassis.data.jobs import TENANT, Job, JobContext, JobSet, Retry
from services.chassis.data.postgres import FAULTS
from services.chassis.run.telemetry import Telemetry
from services.worker.computing import Computing
from services.worker.config import WorkerConfig
from services.worker.manager import RunManager
from services.worker.metrics import WorkerMetrics
from services.worker.progress import ProgressWriter
from services.worker.state import BEAT_S
from services.worker.store import JobStore

_POLL_S = 2.0
_RESTART_S = 1.0
_MEASURE_S = 5.0
# Kept back from the grace, for jobs that are aborted at its end to be put back.
_ABORT_S = 2.0
# Beside one that listens: to fetch, and to defer what is due by the clock.
_CONNECTIONS = 1
# As elsewhere: whoever waits for a database that is away asks again, or is told to stop.
_CONNECTED_WITHIN_S = 5.0

_log = structlog.get_logger(__name__)


class JobRunner:
    """One worker of this process."""

    def __init__(
        self,
        config: WorkerConfig,
        name: str,
        sets: Sequence[JobSet],
        store: JobStore,
        heart: JobStore,
        metrics: WorkerMetrics,
        telemetry: Telemetry,
        draws: random.Random,
    ) -> None:
        """`heart` is on a connection of its own: one that waits for others is taken for dead."""
        self._config = config
        self._name = name
        self._store = store
        self._heart = heart
        self._metrics = metrics
        self._errors = telemetry.errors
        self._draws = draws
        self._computing = Computing(config.processes)
        self._jobs = {job.name: job for one in sets for job in one.jobs}
        self._schedules = [schedule for one in sets for schedule in one.schedules]
        self._attempts = {job.name: job.retry.attempts for job in self._jobs.values()}
        self._running: set[int] = set()
        self._suspects: set[int] = set()
        self._worker: Worker | None = None
        self._draining = False
        self._drained = asyncio.Event()

    @property
    def scheduled(self) -> list[tuple[str, str, str]]:
        """The schedules: task, cron, queue."""
        return [
            (schedule.job, schedule.cron, str(self._jobs[schedule.job].queue))
            for schedule in self._schedules
        ]

    async def run(self) -> None:
        """Fetches and runs jobs until it is drained; begins anew when the database went away."""
        while not self._draining:
            try:
                await self._serve()
            except (exceptions.ConnectorException, psycopg.Error, *FAULTS) as error:
                _log.warning("worker_interrupted", error=type(error).__name__)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                # Its end was drowned by that of a database that is gone.
                raise asyncio.CancelledError
            if not self._draining:
                await asyncio.sleep(_RESTART_S)
        self._drained.set()
        await asyncio.Event().wait()

    async def keep(self) -> None:
        """Beats the heart and rescues jobs of workers whose own has stopped."""
        while True:
            worker_id = self._worker.worker_id if self._worker else None
            if worker_id is not None:
                try:
                    await self._keep(worker_id)
                except FAULTS as error:
                    _log.warning("heartbeat_failed", error=type(error).__name__)
            await asyncio.sleep(BEAT_S if worker_id is not None else 0.05)

    async def measure(self) -> None:
        """Tells the metrics what the queues hold."""
        while True:
            with suppress(*FAULTS):
                self._metrics.measured(await self._store.queues())
            await asyncio.sleep(_MEASURE_S)

    async def drain(self) -> None:
        """Fetches no more; waits for what runs, and puts back what does not end in time."""
        self._draining = True
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]
        await self._drained.wait()

    def close(self) -> None:
        """Ends the processes for computations."""
        self._computing.close()

    async def _serve(self) -> None:
        # Procrastinate names no schema in what it says.
        connector = procrastinate.PsycopgConnector(
            conninfo=self._config.database_url,
            kwargs={
                "options": "-c search_path=jobs",
                "application_name": "maitred-worker-queue",
            },
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_CONNECTED_WITHIN_S,
        )
        app = procrastinate.App(connector=connector)
        app.job_manager = RunManager(connector, self._store, self._config.concurrency)
        for job in self._jobs.values():
            self._register(app, job)
        async with app.open_async():
            await self._store.keep_schedules(self.scheduled)
            self._worker = Worker(
                app=app,
                name=self._name,
                queues=[str(queue) for queue in self._config.served],
                concurrency=self._config.concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLL_S,
                abort_job_polling_interval=_POLL_S,
                shutdown_graceful_timeout=max(self._config.drain_grace_s - _ABORT_S, 0.1),
                # Ours beats while it drains, too, and outlives a database that goes away.
                update_heartbeat_interval=timedelta(days=365).total_seconds(),
                stalled_worker_timeout=timedelta(days=365).total_seconds(),
            )
            try:
                if not self._draining:
                    await self._worker.run()  # type: ignore[no-untyped-call]
            finally:
                self._worker = None
                self._running.clear()

    def _register(self, app: procrastinate.App, job: Job) -> None:
        async def task(run: Run, /, **args: Any) -> None:
            await self._run(job, run, args)

        # Its hints forget a task that takes any arguments.
        registered: Any = app.task(
            name=job.name,
            queue=str(job.queue),
            pass_context=True,
            retry=_Again(job.retry, self._draws),
        )(task)
        for schedule in self._schedules:
            if schedule.job == job.name:
                # Of a job that nobody fetches one is enough.
                app.periodic(
                    cron=schedule.cron,
                    periodic_id=schedule.cron,
                    queueing_lock=f"schedule {schedule.cron} {job.name}",
                    task_kwargs=cast("dict[str, Any]", schedule.args),
                )(registered)

    async def _run(self, job: Job, run: Run, args: Mapping[str, Any]) -> None:
        number = run.job.id
        if number is None:
            raise ValueError("a job without a number")
        tenant = args.get(TENANT)
        writer = ProgressWriter(number, self._store.note_progress, time.monotonic)
        context = JobContext(
            job_id=number,
            tenant=UUID(tenant) if tenant else None,
            args={name: value for name, value in args.items() if name != TENANT},
            attempt=run.job.attempts + 1,
            progress=writer.tell,
            compute=self._computing.compute,
            is_aborted=run.should_abort,
        )
        told = {"job": job.name, "job_id": number, "attempt": context.attempt}
        started, status = time.monotonic(), "succeeded"
        self._running.add(number)
        self._metrics.running.inc()
        try:
            await job.run(context)
            await writer.finish()
        except asyncio.CancelledError:
            status = "aborted"
            if run.abort_reason() is AbortReason.USER_REQUEST:
                raise exceptions.JobAborted from None
            raise
        except Exception as error:
            is_last = context.attempt >= job.retry.attempts
            status = "failed" if is_last else "retried"
            kind = type(error).__name__
            self._errors.labels(job.name.partition(".")[0], kind).inc()
            _log.warning("job_failed", **told, is_last=is_last, exc_info=error)
            with suppress(*FAULTS):
                await writer.finish()
                await self._store.note_error(number, kind)
            raise
        finally:
            self._metrics.running.dec()
            took = time.monotonic() - started
            self._metrics.duration.labels(job.queue, job.name, status).observe(took)
            self._running.discard(number)
            _log.info("job_ended", **told, status=status, seconds=round(took, 3))

    async def _keep(self, worker_id: int) -> None:
        if not await self._heart.beat(worker_id):
            # Silent for so long that it was forgotten, jobs and all: it begins anew.
            _log.warning("worker_was_forgotten", worker_id=worker_id)
            if self._worker is not None:
                self._worker.stop()  # type: ignore[no-untyped-call]
            return
        await self._heart.announce(
            worker_id,
            self._name,
            [str(queue) for queue in self._config.served],
            self._config.concurrency,
            is_draining=self._draining,
        )
        # How a run ended may not have reached the database. One that is just being told is gone
        # from here before it is there, so only who is missed twice is an orphan.
        missed = await self._heart.running_of(worker_id) - self._running
        orphans, self._suspects = missed & self._suspects, missed
        for number, task, status, attempts in await self._heart.rescue(
            worker_id, orphans, self._attempts, Retry().attempts
        ):
            self._metrics.rescued.inc()
            _log.warning("job_rescued", job=task, job_id=number, status=status, attempts=attempts)


class _Again(BaseRetryStrategy):
    """`Retry` as Procrastinate asks for it."""

    def __init__(self, retry: Retry, draws: random.Random) -> None:
        self._retry = retry
        self._draws = draws

    def get_retry_decision(self, *, exception: BaseException, job: Row) -> RetryDecision | None:
        """At once after a shutdown, which is not the job's fault; else by its rule."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        wait = self._retry.wait(job.attempts + 1, self._draws.random())
        if wait is None:
            return None
        return RetryDecision(retry_in={"microseconds": round(wait / timedelta(microseconds=1))})
