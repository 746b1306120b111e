"""`GET /health/workers`: which workers live and what waits, for staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from maitred.jobs.v1 import job_service_pb2
from starlette.responses import Response

from gateway.exchange import Answer, Exchange, json_answer
from gateway.transcoding.encoding import Encoders
from services.chassis.rpc.faults import failure_of

PATH = "/health/workers"
METHOD = "/maitred.jobs.v1.JobService/GetWorkers"
DOWN = '{"status":"down","workers":[],"queues":[]}'
_GONE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class Workers:
    """Asks any worker for what the database knows of all of them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """`channel` leads to the workers."""
        self._call: Callable[[Any], Any] = channel.unary_unary(
            METHOD,
            request_serializer=job_service_pb2.GetWorkersRequest.SerializeToString,
            response_deserializer=job_service_pb2.GetWorkersResponse.FromString,
        )
        self._encode = Encoders().of(job_service_pb2.GetWorkersResponse)

    async def answer(self, exchange: Exchange) -> Answer:
        """200 when every queue has a live worker; 503 with the same body otherwise.

        When no worker answers, nothing is known but that: status `down` and empty lists.
        """
        try:
            response = await self._call(job_service_pb2.GetWorkersRequest())
        except grpc.aio.AioRpcError as error:
            if failure_of(error, exchange.request_id).code not in _GONE:
                raise
            return _unavailable(DOWN)
        body = self._encode(response)
        return json_answer(body) if response.status == "ok" else _unavailable(body)


def _unavailable(body: str) -> Response:
    answer = json_answer(body)
    answer.status_code = 503
    return answer
