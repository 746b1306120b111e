"""Connections that stay: event streams and WebSockets of one process.

A connection is written to and never waited for. What its client has not read is kept by its
transport, up to a bound; beyond that the connection is ended. Heartbeats, credentials and silence
are seen to for all of them by one timer each.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import grpc
import prometheus_client
import structlog
from prometheus_client import CollectorRegistry, Gauge

from gateway.identity.authenticator import Caller
from gateway.realtime.room import Room
from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure
from services.chassis.rpc.identity import Principal
from services.chassis.run.http import Wire

# After this many writes the loop serves others.
WRITES_IN_A_ROW = 200
MOST_KEPT_BYTES = 256 * 1024
CHECK_S = 15.0
# As long as keep-alive proxies commonly let a client's side be silent.
SILENCE_S = 60.0
_LAST_WORDS_S = 5.0

_log = structlog.get_logger(__name__)


class Kind(StrEnum):
    """What a connection is, as metrics and presence name it."""

    SSE = "sse"
    WEBSOCKET = "ws"


HEARTBEAT_S = {Kind.SSE: 15.0, Kind.WEBSOCKET: 20.0}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why we end a connection: the reason its client is told, and the code of a WebSocket's close.

    Codes are RFC 6455's, and 4401 and 4403 as HTTP's 401 and 403.
    """

    reason: str
    code: int


SLOW_READER = Ending("SLOW_READER", 1013)
OVERLOADED = Ending("OVERLOADED", 1013)
DRAINING = Ending("DRAINING", 1012)
SILENT = Ending("SILENT", 1011)
FAILED = Ending("INTERNAL", 1011)
UNAUTHENTICATED = Ending("UNAUTHENTICATED", 4401)


class ConnectionMetrics:
    """What connections cost.

    - `maitred_connections{kind}`: open now, kind `sse` or `ws`
    - `maitred_realtime_messages_total{kind,type}`: written, by the event's type; `reset` and
      `message` beside
    - `maitred_realtime_cutoffs_total{reason}`: ended from this side
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "maitred_connections", "Connections that stay.", ("kind",), registry=registry
        )
        self.messages = prometheus_client.Counter(
            "maitred_realtime_messages_total",
            "Events and messages written to connections.",
            ("kind", "type"),
            registry=registry,
        )
        self.cutoffs = prometheus_client.Counter(
            "maitred_realtime_cutoffs_total",
            "Connections ended from this side.",
            ("reason",),
            registry=registry,
        )


class Connection:
    """One client.

    Attributes:
        kind: how it is connected.
        connection_id: `con_…`.
        since: when it came.
        caller: who it is, None until that is known.
        neighbours: those it is limited together with; empty for nobody.
        ending: why it was ended from this side, None while it was not.
    """

    __slots__ = (
        "_ends_at",
        "_heartbeat",
        "_most_bytes",
        "_scope",
        "_wire",
        "caller",
        "check",
        "connection_id",
        "ending",
        "kind",
        "neighbours",
        "since",
    )

    def __init__(
        self,
        kind: Kind,
        number: UUID,
        since: datetime,
        wire: Wire,
        heartbeat: bytes,
        most_bytes: int = MOST_KEPT_BYTES,
        *,
        neighbours: str = "",
    ) -> None:
        self.kind = kind
        self.connection_id = to_id("con", number)
        self.since = since
        self.neighbours = neighbours
        self.caller: Caller | None = None
        self.check: Callable[[], Awaitable[object]] | None = None
        self.ending: Ending | None = None
        self._wire = wire
        self._heartbeat = heartbeat
        self._most_bytes = most_bytes
        self._ends_at: float | None = None
        self._scope: asyncio.Timeout | None = None

    def write(self, data: bytes) -> bool:
        """Writes bytes as they go over the wire; whether they may still arrive."""
        transport = self._wire.transport
        if self.ending is not None or transport.is_closing():
            return False
        transport.write(data)
        if transport.get_write_buffer_size() > self._most_bytes:
            self.end(SLOW_READER)
            return False
        return True

    def beat(self, now: float) -> None:
        """Shows the client that we live; ends a WebSocket whose client does not show the same."""
        if self.kind is Kind.WEBSOCKET and now - self._wire.heard > SILENCE_S:
            self.end(SILENT)
        self.write(self._heartbeat)

    def end(self, ending: Ending) -> None:
        """Has `attend` return; the first reason stays."""
        if self.ending is None:
            self.ending = ending
            self.expire_in(0.0)

    def expire_in(self, seconds: float | None) -> None:
        """When the credential ends, and the connection with it; None for never."""
        if self.ending is not None:
            # It may come while all are ended, or renew its credential when it is to be cut off.
            seconds = 0.0
        now = asyncio.get_running_loop().time()
        self._ends_at = None if seconds is None else now + seconds
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(self._ends_at)

    async def attend(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work of a connection until it is done or the connection is ended."""
        try:
            async with asyncio.timeout_at(self._ends_at) as self._scope:
                await work
        except TimeoutError:
            self.ending = self.ending or UNAUTHENTICATED
        finally:
            self._scope = None
            work.close()

    async def drained(self, seconds: float) -> bool:
        """Waits for the client to read most of what was written; whether it did in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wire.drained()
                return True
        return False

    async def close(self, last_words: bytes, closing: Callable[[], Awaitable[None]]) -> None:
        """Says these bytes and awaits `closing`; drops a connection that takes too long for it."""
        transport = self._wire.transport
        if last_words and not transport.is_closing():
            transport.write(last_words)
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._wire.drained()
                await closing()
        except (TimeoutError, OSError):
            transport.abort()


class Connections:
    """All connections of this process. `run` must be running.

    Args:
        room: how many there may be.
        metrics: of connections.
        clock: now.
    """

    def __init__(
        self,
        room: Room,
        metrics: ConnectionMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._room = room
        self._at: Counter[str] = Counter()
        self._metrics = metrics
        self._clock = clock
        self._open: dict[Kind, set[Connection]] = {kind: set() for kind in Kind}
        self._known: dict[UUID, dict[str, set[Connection]]] = defaultdict(dict)
        self._moved: set[tuple[UUID, str]] = set()
        self._has_moved = asyncio.Event()
        self._doubted = asyncio.Event()
        self._is_draining = False

    def of(self, tenant_id: UUID, principal_id: str) -> tuple[Connection, ...]:
        """The connections of a principal."""
        return tuple(self._known.get(tenant_id, {}).get(principal_id, ()))

    def tenants(self) -> tuple[UUID, ...]:
        """Tenants of whom somebody is here."""
        return tuple(self._known)

    def principals(self, tenant_id: UUID) -> tuple[str, ...]:
        """Principals of a tenant who are here."""
        return tuple(self._known.get(tenant_id, ()))

    async def moved(self, seconds: float) -> set[tuple[UUID, str]]:
        """Tenants and principals who came or went since last asked; waits so long for some."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_moved.wait()
        self._has_moved.clear()
        moved, self._moved = self._moved, set()
        return moved

    def check_room(self, more: int = 1) -> None:
        """Whether so many more may come. Fails with RESOURCE_EXHAUSTED (CONNECTION_LIMIT)."""
        self._room.check(sum(map(len, self._open.values())) + more)

    def check_room_at(self, neighbours: str, more: int = 1) -> None:
        """Whether so many more may come from an address. Fails as `check_room`."""
        self._room.check_address(self._at[neighbours] + more)

    def check_room_of(self, principal: Principal, neighbours: str, more: int = 1) -> None:
        """Whether a principal may have one more; so many of it are not counted at the address yet.

        Fails as `check_room`.
        """
        count = len(self.of(principal.tenant_id, principal.principal_id)) + 1
        if principal.is_guest_only:
            self._room.check_guest(count)
            self.check_room_at(neighbours, more)
        else:
            self._room.check_one(count)

    @contextmanager
    def holding(self, connection: Connection) -> Iterator[None]:
        """Counts a connection among those of this process."""
        if self._is_draining:
            connection.end(DRAINING)
        kind = connection.kind
        self._open[kind].add(connection)
        self._at[connection.neighbours] += 1
        self._metrics.connections.labels(kind).inc()
        try:
            yield
        finally:
            self._open[kind].discard(connection)
            self._at[connection.neighbours] -= 1
            if not self._at[connection.neighbours]:
                del self._at[connection.neighbours]
            self._metrics.connections.labels(kind).dec()
            if connection.caller is not None:
                self._forget(connection, connection.caller)
            if connection.ending is not None:
                self._metrics.cutoffs.labels(connection.ending.reason).inc()

    def identify(
        self, connection: Connection, caller: Caller, check: Callable[[], Awaitable[object]]
    ) -> None:
        """Says who a connection is, and what is awaited now and then to see that it still holds.

        UNAUTHENTICATED ends the connection, as does the end of the credential.
        """
        principal = caller.principal
        connection.caller, connection.check = caller, check
        ours = self._known[principal.tenant_id].setdefault(principal.principal_id, set())
        ours.add(connection)
        expires = caller.expires
        connection.expire_in((expires - self._clock()).total_seconds() if expires else None)
        self._tell_moved(principal.tenant_id, principal.principal_id)

    def check_soon(self) -> None:
        """Has every connection's credential checked now: one may no longer hold."""
        self._doubted.set()

    async def drain(self) -> None:
        """Ends all, and those that still come."""
        self._is_draining = True
        for connections in self._open.values():
            for connection in connections:
                connection.end(DRAINING)

    async def run(self) -> None:
        """Writes heartbeats, and ends connections whose client or credential is no more."""
        async with asyncio.TaskGroup() as group:
            for kind in Kind:
                group.create_task(self._beat(kind))
            group.create_task(self._watch())

    async def _beat(self, kind: Kind) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(HEARTBEAT_S[kind])
            for number, connection in enumerate(tuple(self._open[kind]), start=1):
                connection.beat(clock())
                if number % WRITES_IN_A_ROW == 0:
                    await asyncio.sleep(0)

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._doubted.wait()
            self._doubted.clear()
            everyone = [one for connections in self._open.values() for one in connections]
            for number, connection in enumerate(everyone, start=1):
                await _end_if_refused(connection)
                if number % WRITES_IN_A_ROW == 0:
                    await asyncio.sleep(0)

    def _forget(self, connection: Connection, caller: Caller) -> None:
        tenant_id, principal_id = caller.principal.tenant_id, caller.principal.principal_id
        principals = self._known[tenant_id]
        principals[principal_id].discard(connection)
        if not principals[principal_id]:
            del principals[principal_id]
        if not principals:
            del self._known[tenant_id]
        self._tell_moved(tenant_id, principal_id)

    def _tell_moved(self, tenant_id: UUID, principal_id: str) -> None:
        self._moved.add((tenant_id, principal_id))
        self._has_moved.set()


async def _end_if_refused(connection: Connection) -> None:
    if connection.check is None:
        return
    try:
        await connection.check()
    except Failure as failure:
        if failure.code is grpc.StatusCode.UNAUTHENTICATED:
            connection.end(UNAUTHENTICATED)
    except Exception:  # noqa: BLE001
        # A database away for a while ends no connection.
        _log.warning("connection_not_checked", exc_info=True)
