"""Jobs, workers and queues as they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.chassis.data.jobs import Queue

# A worker whose heart has not beaten for so long is dead, and others take its jobs over.
STALL_S = 8.0
BEAT_S = 2.0
# So long a dead worker is still told of.
FORGET_S = 60.0


class JobState(StrEnum):
    """Where a job stands; a kind of status of Procrastinate's."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUSES = {
    JobState.WAITING: ("todo",),
    JobState.RUNNING: ("doing",),
    JobState.SUCCEEDED: ("succeeded",),
    JobState.FAILED: ("failed",),
    JobState.CANCELLED: ("cancelled", "aborted", "aborting"),
}
BY_STATUS = {status: state for state, known in STATUSES.items() for status in known}


@dataclass(frozen=True, slots=True)
class ProgressNote:
    """How far a job is; `total` is 0 if unknown."""

    done: int
    total: int
    note: str
    time: datetime


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job.

    Attributes:
        number: its id.
        queue: where it waits.
        task: what it does.
        tenant: whose it is, or empty.
        state: where it stands.
        attempts: begun.
        progress: by its own word.
        error: kind of its last failure, or empty.
        create_time: when it was deferred.
        schedule_time: not before this.
        start_time: of the last attempt.
        end_time: when it ended for good.
        worker: that is in it, or empty.
    """

    number: int
    queue: str
    task: str
    tenant: str
    state: JobState
    attempts: int
    progress: ProgressNote | None
    error: str
    create_time: datetime | None
    schedule_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    worker: str


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule and when it last deferred a job."""

    task: str
    cron: str
    queue: str
    last_time: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker; `age_s` are seconds since its heart beat, `running` the jobs it is in.

    One that is draining ends these and begins no others.
    """

    name: str
    queues: Sequence[str]
    concurrency: int
    age_s: float
    running: Sequence[int]
    is_draining: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether its jobs are left to it."""
        return self.age_s < STALL_S

    @property
    def is_serving(self) -> bool:
        """Whether it begins jobs."""
        return self.is_alive and not self.is_draining


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue: jobs that wait and are due, run and failed; seconds the oldest is due."""

    queue: str
    waiting: int = 0
    oldest_age_s: float = 0.0
    running: int = 0
    failed: int = 0


def served_by(queue: str, workers: Sequence[WorkerRow]) -> int:
    """How many workers serve a queue."""
    return sum(worker.is_serving and queue in worker.queues for worker in workers)


def verdict(workers: Sequence[WorkerRow]) -> str:
    """`ok` when every queue is served, `degraded` when some are not, `down` when none is."""
    served = [served_by(queue, workers) > 0 for queue in Queue]
    if all(served):
        return "ok"
    return "degraded" if any(served) else "down"
