"""Jobs between their contract and the domain."""

from collections.abc import Sequence
from datetime import datetime

from croniter import croniter  # type: ignore[import-untyped]
from google.protobuf.timestamp_pb2 import Timestamp
from maitred.jobs.v1 import job_pb2, job_service_pb2

from services.chassis.data.jobs import to_job_id
from services.chassis.rpc.errors import Failure, not_found, precondition
from services.worker.state import (
    JobRow,
    JobState,
    QueueRow,
    ScheduleRow,
    WorkerRow,
    served_by,
    verdict,
)

_STATES = {
    JobState.WAITING: job_pb2.JOB_STATE_WAITING,
    JobState.RUNNING: job_pb2.JOB_STATE_RUNNING,
    JobState.SUCCEEDED: job_pb2.JOB_STATE_SUCCEEDED,
    JobState.FAILED: job_pb2.JOB_STATE_FAILED,
    JobState.CANCELLED: job_pb2.JOB_STATE_CANCELLED,
}


def to_state(number: job_pb2.JobState.ValueType) -> JobState | None:
    """A state by its number; None for UNSPECIFIED."""
    return next((state for state, known in _STATES.items() if known == number), None)


def from_job(job: JobRow) -> job_pb2.Job:
    """A job as answered."""
    message = job_pb2.Job(
        job_id=to_job_id(job.number),
        queue=job.queue,
        task=job.task,
        tenant_id=job.tenant,
        state=_STATES[job.state],
        attempts=job.attempts,
        error=job.error,
        create_time=_time(job.create_time),
        schedule_time=_time(job.schedule_time),
        start_time=_time(job.start_time),
        end_time=_time(job.end_time),
        worker=job.worker,
    )
    if job.progress is not None:
        message.progress.done = job.progress.done
        message.progress.total = job.progress.total
        message.progress.note = job.progress.note
        message.progress.update_time.FromDatetime(job.progress.time)
    return message


def from_schedule(schedule: ScheduleRow, now: datetime) -> job_pb2.Schedule:
    """A schedule as answered at `now`."""
    return job_pb2.Schedule(
        task=schedule.task,
        queue=schedule.queue,
        cron=schedule.cron,
        last_time=_time(schedule.last_time),
        next_time=_time(next_time(schedule.cron, now)),
    )


def next_time(cron: str, now: datetime) -> datetime:
    """When a schedule next defers a job, after `now`."""
    found: datetime = croniter(cron, now).get_next(datetime)
    return found


def from_state(
    workers: Sequence[WorkerRow], queues: Sequence[QueueRow]
) -> job_service_pb2.GetWorkersResponse:
    """Workers and queues as answered."""
    return job_service_pb2.GetWorkersResponse(
        status=verdict(workers),
        workers=[
            job_pb2.Worker(
                name=worker.name,
                queues=worker.queues,
                is_alive=worker.is_alive,
                last_heartbeat_age_s=round(worker.age_s, 3),
                running_job_ids=[to_job_id(number) for number in worker.running],
                concurrency=worker.concurrency,
                is_draining=worker.is_draining,
            )
            for worker in workers
        ],
        queues=[
            job_pb2.QueueState(
                queue=queue.queue,
                waiting=queue.waiting,
                oldest_age_s=round(queue.oldest_age_s, 3),
                running=queue.running,
                failed=queue.failed,
                workers=served_by(queue.queue, workers),
            )
            for queue in queues
        ],
    )


def job_not_found(job_id: str) -> Failure:
    """NOT_FOUND (JOB_NOT_FOUND)."""
    return not_found("JOB_NOT_FOUND", "There is no such job.", job_id=job_id)


def job_not_failed(job_id: str, state: JobState) -> Failure:
    """FAILED_PRECONDITION (JOB_NOT_FAILED)."""
    return precondition(
        "JOB_NOT_FAILED",
        f"The job is {state}; only one that failed is retried.",
        job_id=job_id,
        state=state,
    )


def job_ended(job_id: str, state: JobState) -> Failure:
    """FAILED_PRECONDITION (JOB_ENDED)."""
    return precondition("JOB_ENDED", f"The job has {state}.", job_id=job_id, state=state)


def _time(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
