"""One event to thousands of connections of one process, against a task for each of them."""

import asyncio
import resource
import select
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import redis

from gateway.identity.model import read_key
from services.chassis.data.outbox import PARTITIONS, partition_of
from services.chassis.data.streams import RESTORED, stream_key
from services.chassis.rpc.identity import MeshSigner, new_key
from tests.bench.databases import stores
from tests.bench.orders_menu import placed_event
from tests.bench.processes import served
from tests.bench.rest import api_key
from tests.bench.table import Row, interleaved
from tests.support.ports import free_port

CONNECTIONS = 5_000
# Of what a process may have open, so much is for other things.
SPARE_FILES = 500
PATIENCE_S = 60.0


async def rows() -> Sequence[Row]:
    """Seconds from the event's arrival in the stream to its arrival at the last client."""
    count = _allowed_connections()
    key = new_key()
    async with AsyncExitStack() as stack:
        bare, ours = await stack.enter_async_context(stores(2))
        rpc = free_port()
        gateway = await stack.enter_async_context(
            served(
                "rest_server",
                "ours",
                "127.0.0.1:1",
                ours.database.service_url("gateway"),
                ours.redis_url,
                key.private_pem,
                key.public_pem,
                str(rpc),
            )
        )
        secret = await api_key(f"127.0.0.1:{rpc}", MeshSigner(key.private_pem, key.kid))
        credential = read_key(secret)
        assert credential is not None
        partition = partition_of(credential.tenant_id)
        starlette = await stack.enter_async_context(
            served("fanout_server", bare.redis_url, str(partition))
        )
        crowds = {}
        for kind, port, url in (
            ("bare", starlette, bare.redis_url),
            ("ours", gateway, ours.redis_url),
        ):
            client = stack.enter_context(redis.Redis.from_url(url))
            # As the relay says of streams that are as its log is.
            client.sadd(RESTORED, *range(PARTITIONS))
            crowd = Crowd(client, partition, credential.tenant_id.hex)
            stack.callback(crowd.leave)
            await asyncio.to_thread(crowd.come, port, secret, count)
            crowds[kind] = _seconds(crowd)
        found = await interleaved(crowds)
    return [
        Row(
            f"SSE fan-out, {count:,} connections",
            f"{found['ours'] * 1e3:.0f} ms",
            f"{found['bare'] * 1e3:.0f} ms",
            found["ours"] / found["bare"],
            0.5,
            at_most=True,
            note="bare: a task for each connection and event",
            why="two thirds are the kernel's sends, which both make",
        )
    ]


def _allowed_connections() -> int:
    """As many as wanted, or as many as this system lets two processes hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + SPARE_FILES
    limit = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
    return min(CONNECTIONS, (limit - SPARE_FILES) // 2)


def _seconds(crowd: "Crowd") -> Callable[[], Awaitable[float]]:
    async def seconds() -> float:
        return await asyncio.to_thread(crowd.hear_one)

    return seconds


class Crowd:
    """Clients of one server, and whoever adds events to the stream it reads."""

    def __init__(self, client: "redis.Redis", partition: int, tenant: str) -> None:
        self._client = client
        self._key = stream_key(partition)
        self._tenant = tenant
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._seq = 0

    def come(self, port: int, secret: str, count: int) -> None:
        """Connects all and waits until each has been answered."""
        request = (
            f"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
            f"authorization: Bearer {secret}\r\naccept: text/event-stream\r\n\r\n"
        ).encode()
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            one.sendall(request)
            self._sockets[one.fileno()] = one
        for one in self._sockets.values():
            if not one.recv(4096).startswith(b"HTTP/1.1 200 "):
                raise RuntimeError("a stream was refused")
            one.setblocking(False)
            self._poll.register(one, select.EPOLLIN)
        # What follows the head comes in its own time.
        self._read_until_silent()

    def hear_one(self) -> float:
        """Seconds from adding an event until every client has all of it."""
        event = placed_event()
        self._seq += 1
        mark = b'"mark":"%012d"}' % self._seq
        payload = event.payload[:-1] + b"," + mark
        fields = {b"e": payload, b"t": self._tenant, b"p": event.principal_id, b"y": event.type}
        began = time.perf_counter()
        self._client.xadd(self._key, fields, id=f"{self._seq}-0")  # type: ignore[arg-type]  # bytes
        waiting = len(self._sockets)
        while waiting:
            ready = self._poll.poll(PATIENCE_S)
            if not ready:
                raise TimeoutError(f"{waiting} clients heard nothing")
            waiting -= sum(mark in self._sockets[number].recv(65536) for number, _ in ready)
        return time.perf_counter() - began

    def leave(self) -> None:
        """Closes all."""
        for one in self._sockets.values():
            one.close()
        self._poll.close()

    def _read_until_silent(self) -> None:
        while ready := self._poll.poll(0.5):
            for number, _ in ready:
                self._sockets[number].recv(65536)
