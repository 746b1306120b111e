"""Which failure the caller is told when a handler raises something.

What a driver says never leaves the process: a lost database or Redis is UNAVAILABLE, a text with a
character that Postgres keeps in none is the caller's, and everything that was not foreseen is
INTERNAL with the request id.
"""

import asyncpg
import grpc
import redis.exceptions

from services.chassis.rpc.errors import Failure, from_rpc_error, internal, invalid, unavailable

_DATABASE_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # An answer that was cut off in the middle.
    asyncpg.InternalClientError,
)
# U+0000, in a text or escaped in JSON.
_NO_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
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
        case _ if isinstance(error, _NO_TEXT):
            return invalid("INVALID_FIELD", "A text holds the character U+0000.", field="")
        case _ if _is_lost_database(error):
            return unavailable("database")
        case _:
            return internal(request_id)


def _is_lost_database(error: BaseException) -> bool:
    return (
        isinstance(error, _DATABASE_GONE) or _is_closed_connection(error) or _is_socket_error(error)
    )


def _is_closed_connection(error: BaseException) -> bool:
    # asyncpg has one class for misuse and for a connection or pool that closed meanwhile.
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)


def _is_socket_error(error: BaseException) -> bool:
    # asyncpg raises the socket's own errors while it connects; redis-py and gRPC wrap them. A
    # TimeoutError without a number is no socket's but some limit of ours.
    return isinstance(error, OSError) and not (
        isinstance(error, TimeoutError) and error.errno is None
    )
