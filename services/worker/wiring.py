"""The composition root of the worker."""

import os
import socket
from collections.abc import Sequence
from datetime import timedelta

import structlog

from services.chassis.data.jobs import Job, JobContext, JobSet, Queue, Schedule
from services.chassis.data.migrate import check_schema
from services.chassis.data.pages import PageTokens
from services.chassis.data.postgres import Database
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.worker.config import WorkerConfig
from services.worker.metrics import WorkerMetrics
from services.worker.migrations import SCHEMA
from services.worker.running import JobRunner
from services.worker.service import JobService
from services.worker.store import JobStore

_log = structlog.get_logger(__name__)


async def build(config: WorkerConfig, resources: Resources, sets: Sequence[JobSet]) -> Component:
    """The worker of these jobs and of its own.

    Raises:
        ValueError: no database is configured.
        SchemaMismatch: the database is not migrated.
    """
    database = resources.database
    if database is None:
        raise ValueError("the worker needs a database")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    store = JobStore(database)
    heart = await resources.stack.enter_async_context(
        Database.connect(config.database_url, max_size=1, application="maitred-worker-heart")
    )
    metrics = WorkerMetrics(resources.telemetry.registry)
    runner = JobRunner(
        config,
        f"{socket.gethostname()}:{os.getpid()}",
        (*sets, _housekeeping(config, store)),
        store,
        JobStore(heart),
        metrics,
        resources.telemetry,
        resources.random,
    )
    resources.stack.callback(runner.close)
    scheduled = [f"{task} ({cron})" for task, cron, _ in runner.scheduled]
    _log.info(
        f"configured {len(scheduled)} scheduled jobs",
        schedules=scheduled,
        queues=[str(queue) for queue in config.served],
    )
    service = JobService(store, PageTokens(config.page_token_key), resources.clock)
    return Component(
        name="worker",
        servicers=(service.binding,),
        loops=(
            Loop("jobs", runner.run),
            Loop("keep", runner.keep),
            Loop("measure", runner.measure),
        ),
        ready=database.ping,
        drain=(runner.drain,),
    )


def _housekeeping(config: WorkerConfig, store: JobStore) -> JobSet:
    async def forget(context: JobContext) -> None:
        ended = timedelta(days=config.retention_days)
        failed = timedelta(days=config.failed_retention_days)
        deleted = await store.forget(ended.total_seconds(), failed.total_seconds())
        await context.progress(deleted, deleted, "jobs deleted")

    job = Job("worker.forget_jobs", Queue.DEFAULT, forget)
    return JobSet((job,), (Schedule("40 3 * * *", job.name),))
