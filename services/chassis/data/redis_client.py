"""The client of Redis or Valkey, made the same way everywhere."""

import asyncio
from typing import Any

import redis.asyncio
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

# Longer than any blocking read of a stream, so that only a dead Redis is given up.
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 2.0


def open_redis(url: str) -> "redis.asyncio.Redis":
    """A client with a pool of its own, to be closed with `aclose`; connects when first used."""
    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        # Once more, for a connection the server closed; callers know how long to try.
        retry=Retry(NoBackoff(), 1),
    )
    pool.connection_class = (
        _TlsConnection if issubclass(pool.connection_class, SSLConnection) else _PlainConnection
    )
    return redis.asyncio.Redis.from_pool(pool)


class _Cancellable:
    """Writes under `asyncio.timeout`.

    redis-py guards them by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that
    comes in the moment the write is done: a loop that was told to stop would go on.
    """

    socket_timeout: float | None

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except TimeoutError:
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


class _PlainConnection(_Cancellable, Connection):
    pass


class _TlsConnection(_Cancellable, SSLConnection):
    pass
