"""Problems of a body that is one field of its request, under the names its sender knows."""

from __future__ import annotations

import grpc

from gateway.exchange import Answer, Endpoint, Exchange
from gateway.transcoding.decoding import MalformedInput, MalformedParameter
from services.chassis.rpc.errors import Failure, FieldProblem, from_rpc_error


def named_as_sent(endpoint: Endpoint, body: str) -> Endpoint:
    """The endpoint, with problems told of `product.price` as of `price` if `body` is `product`."""

    async def answer(exchange: Exchange) -> Answer:
        try:
            return await endpoint(exchange)
        except MalformedParameter:
            raise
        except MalformedInput as error:
            raise MalformedInput(error.problem, _sent(error.field, body)) from None
        except grpc.aio.AioRpcError as error:
            raise renamed(from_rpc_error(error), body) from error

    return answer


def renamed(failure: Failure, body: str) -> Failure:
    """The failure of a request, as one of its field `body` alone."""
    message = failure.message
    for name in sorted((problem.field for problem in failure.fields), key=len, reverse=True):
        if name.startswith(f"{body}."):
            message = message.replace(name, _sent(name, body))
    metadata = dict(failure.metadata)
    if "field" in metadata:
        metadata["field"] = ",".join(_sent(one, body) for one in metadata["field"].split(","))
    return Failure(
        failure.code,
        failure.reason,
        message,
        metadata=metadata,
        fields=[
            FieldProblem(_sent(problem.field, body), problem.description)
            for problem in failure.fields
        ],
        retry_after=failure.retry_after,
    )


def _sent(field: str, body: str) -> str:
    return "" if field == body else field.removeprefix(f"{body}.")
