"""Which failure the caller is told when a handler raises something.

What a driver says never leaves the process: a lost database or Redis is UNAVAILABLE, everything
that was not foreseen is INTERNAL with the request id.
"""

import asyncpg
import grpc
import redis.exceptions

from services.chassis.rpc.errors import Failure, from_rpc_error, internal, unavailable

_DATABASE_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # An answer that was cut off in the middle.
    asyncpg.InternalClientError,
    # asyncpg raises the socket's own errors while it connects; redis-py and gRPC wrap them.
    ConnectionError,
)
_REDIS_GONE = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)


def failure_of(error: BaseException, request_id: str) -> Failure:
    """The failure that stands for `error` outside of this process."""
    match error:
        case Failure():
            return error
        case grpc.aio.AioRpcError():
            return from_rpc_error(error)
        case _ if isinstance(error, _REDIS_GONE):
            return unavailable("redis")
        case _ if isinstance(error, _DATABASE_GONE) or _is_closed_connection(error):
            return unavailable("database")
        case _:
            return internal(request_id)


def _is_closed_connection(error: BaseException) -> bool:
    # asyncpg has one class for misuse and for a connection or pool that closed meanwhile.
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)
