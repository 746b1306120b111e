"""maitred.jobs.v1.JobService."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.jobs.v1 import job_service_pb2, job_service_pb2_grpc

from services.chassis.data.jobs import from_job_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.identity import Role
from services.chassis.rpc.server import ServicerBinding
from services.worker.convert import (
    from_job,
    from_schedule,
    from_state,
    job_ended,
    job_not_failed,
    job_not_found,
    to_state,
)
from services.worker.state import JobRow
from services.worker.store import JobStore

Context = grpc.aio.ServicerContext[Any, Any]


class JobService(job_service_pb2_grpc.JobServiceServicer):
    """Tells of jobs, and has them run again or called off."""

    def __init__(self, store: JobStore, tokens: PageTokens, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.jobs.v1.JobService",
            job_service_pb2_grpc.add_JobServiceServicer_to_server,
            self,
        )

    async def ListJobs(
        self, request: job_service_pb2.ListJobsRequest, context: Context
    ) -> job_service_pb2.ListJobsResponse:
        tenant = _tenant()
        arguments = {
            "list": "jobs",
            "tenant": str(tenant or ""),
            "queue": request.queue,
            "task": request.task,
            "state": str(request.state),
        }
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        found = await self._store.page(
            int(position[0]) if position else None,
            tenant,
            request.queue,
            request.task,
            to_state(request.state),
            size + 1,
        )
        more = len(found) > size
        return job_service_pb2.ListJobsResponse(
            jobs=[from_job(job) for job in found[:size]],
            next_page_token=(
                self._tokens.encode([found[size - 1].number], arguments) if more else ""
            ),
        )

    async def GetJob(
        self, request: job_service_pb2.GetJobRequest, context: Context
    ) -> job_service_pb2.GetJobResponse:
        return job_service_pb2.GetJobResponse(job=from_job(await self._job(request.job_id)))

    async def RetryJob(
        self, request: job_service_pb2.RetryJobRequest, context: Context
    ) -> job_service_pb2.RetryJobResponse:
        job = await self._job(request.job_id)
        if not await self._store.retry(job.number):
            raise job_not_failed(request.job_id, job.state)
        return job_service_pb2.RetryJobResponse(job=from_job(await self._job(request.job_id)))

    async def CancelJob(
        self, request: job_service_pb2.CancelJobRequest, context: Context
    ) -> job_service_pb2.CancelJobResponse:
        job = await self._job(request.job_id)
        if not await self._store.cancel(job.number):
            raise job_ended(request.job_id, job.state)
        return job_service_pb2.CancelJobResponse(job=from_job(await self._job(request.job_id)))

    async def ListSchedules(
        self, request: job_service_pb2.ListSchedulesRequest, context: Context
    ) -> job_service_pb2.ListSchedulesResponse:
        now = self._clock()
        return job_service_pb2.ListSchedulesResponse(
            schedules=[from_schedule(one, now) for one in await self._store.schedules()]
        )

    async def GetWorkers(
        self, request: job_service_pb2.GetWorkersRequest, context: Context
    ) -> job_service_pb2.GetWorkersResponse:
        return from_state(await self._store.workers(), await self._store.queues())

    async def _job(self, job_id: str) -> JobRow:
        job = await self._store.job(from_job_id(job_id), _tenant())
        if job is None:
            raise job_not_found(job_id)
        return job


def _tenant() -> UUID | None:
    """Whose jobs the caller sees; None for everybody's."""
    principal = current().principal
    return None if principal.has_any(Role.ADMIN) else principal.tenant_id
