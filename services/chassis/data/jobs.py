"""Background jobs: how a service declares them and how it defers one.

A service's `jobs.py` has `build(config, resources) -> JobSet`; the worker target runs what is in
the sets it is given. A job is deferred in the transaction of the change that asks for it, so it
exists if and only if that change does. Deferring notifies, and committing notifiers wait for one
another: never in a hot transaction, only from consumers and slow calls.

A job may run more than once, even twice at a time: a worker that dies or hangs in it leaves it to
another. So its effects are idempotent.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from services.chassis.data.ids import from_id, to_id
from services.chassis.data.postgres import Connection

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None

# The argument every job of a tenant has.
TENANT = "tenant_id"

_DEFER = "SELECT jobs.defer_v1($1, $2, $3::text::jsonb, $4, $5, $6, $7)"

_Result = TypeVar("_Result")


class Queue(StrEnum):
    """What jobs wait in; a worker may serve some of them only."""

    DEFAULT = "default"
    INGESTION = "ingestion"
    ANALYSIS = "analysis"
    NOTIFICATIONS = "notifications"


@dataclass(frozen=True, slots=True)
class Retry:
    """When a job that failed runs again: after twice the time before, with jitter.

    Attributes:
        attempts: how often it runs at most, at least 1; then it is failed, and kept.
        first: the longest wait before the second attempt.
        longest: no wait is longer.
    """

    attempts: int = 5
    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(hours=1)

    def wait(self, attempt: int, jitter: float) -> timedelta | None:
        """The wait after the attempt of that number, from 1; None if it was the last.

        Args:
            attempt: the one that failed.
            jitter: in [0, 1): how far between half the wait and the whole of it.
        """
        if attempt >= self.attempts:
            return None
        # No exponent needs to be larger than what reaches any sensible `longest`.
        doubled: int = 2 ** min(attempt - 1, 30)
        whole = min(self.first * doubled, self.longest)
        return whole * (0.5 + jitter / 2)


class Progress(Protocol):
    """Tells how far a job is; telling often is cheap, it is written at most twice a second."""

    async def __call__(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` are through; a total of 0 is unknown."""


class Compute(Protocol):
    """Runs a function in a process of its own, so that the loop stays free."""

    async def __call__(self, function: Callable[..., _Result], *args: object) -> _Result:
        """What the function returns; it, its arguments and its result can be pickled.

        Raises:
            ComputeCrashed: the process died.
        """


class ComputeCrashed(Exception):
    """The process a function ran in died."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """One run of a job.

    Attributes:
        job_id: the job's number.
        tenant: whose job it is; None for nobody's, such as a schedule's.
        args: what it was deferred with.
        attempt: which run this is, from 1.
        progress: tells how far it is.
        compute: for work that takes long on the CPU.
        is_aborted: whether somebody wants it to end; it is cancelled, too.
    """

    job_id: int
    tenant: UUID | None
    args: Mapping[str, Json]
    attempt: int
    progress: Progress
    compute: Compute
    is_aborted: Callable[[], bool]

    @property
    def tenant_id(self) -> UUID:
        """Whose job it is.

        Raises:
            LookupError: it is nobody's.
        """
        if self.tenant is None:
            raise LookupError("this job is no tenant's")
        return self.tenant


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job.

    Attributes:
        name: `<service>.<what it does>`.
        queue: where it waits.
        run: does it; an exception is a failure.
        retry: what happens then.
    """

    name: str
    queue: Queue
    run: Callable[[JobContext], Awaitable[None]]
    retry: Retry = Retry()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Defers a job again and again.

    Attributes:
        cron: when, five fields, in UTC.
        job: the job's name.
        args: what it is deferred with.
    """

    cron: str
    job: str
    args: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobSet:
    """What a service gives the worker to run."""

    jobs: tuple[Job, ...] = ()
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True, slots=True)
class Deferred:
    """A job to be done.

    Attributes:
        queue: where it waits: the job's.
        task: the job's name.
        tenant_id: whose it is; the transaction's tenant, if that has one.
        args: JSON; ids and figures, nothing personal.
        lock: of two jobs with the same one only one runs at a time, in the order of deferral.
        queueing_lock: of two jobs with the same one only one waits; the second is not deferred.
        at: not before this moment.
        priority: higher ones first.
    """

    queue: Queue
    task: str
    tenant_id: UUID | None
    args: Mapping[str, Json] = field(default_factory=dict)
    lock: str | None = None
    queueing_lock: str | None = None
    at: datetime | None = None
    priority: int = 0


async def defer(connection: Connection, deferred: Deferred) -> int | None:
    """Has a job done once the connection's transaction commits.

    Returns:
        The job's number; None if one with the same queueing lock waits already.

    Raises:
        asyncpg.InsufficientPrivilegeError: the role may not, or the job is another tenant's than
            the transaction.
    """
    args = dict(deferred.args)
    if deferred.tenant_id is not None:
        args[TENANT] = str(deferred.tenant_id)
    number: int | None = await connection.fetchval(
        _DEFER,
        deferred.queue,
        deferred.task,
        json.dumps(args),
        deferred.lock,
        deferred.queueing_lock,
        deferred.at,
        deferred.priority,
    )
    return number


def to_job_id(number: int) -> str:
    """A job's number as the API writes it, `job_<32 hex>`."""
    return to_id("job", UUID(int=number))


def from_job_id(text: str) -> int:
    """The number of a job the API names.

    Raises:
        ValueError: not an id of a job.
    """
    return from_id("job", text).int
