"""Events of tenants to those who may see them: read once a tenant, encoded once, written to all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.realtime.outlet import Outlet
from gateway.realtime.sse import HEARTBEAT, frame, position
from services.chassis.data.streams import (
    Cursor,
    Reset,
    SlowConsumer,
    StreamEvent,
    StreamReader,
)
from services.chassis.rpc.errors import Failure
from services.chassis.rpc.identity import Principal

# After this many writes the loop serves others.
_WRITES_IN_A_ROW = 200
_READ_AHEAD = 10_000
_RETRY_S = 1.0
HEARTBEAT_S = 15.0
CHECK_S = 15.0
# How long a stream's head is held back until its position is known.
_MOMENT_S = 2.0
# How long a slow connection is waited for while it catches up.
_PATIENCE_S = 60.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Viewer:
    """A connection: who looks, where to write, how far they have seen, and while what holds.

    `seen` is None until it is known where the tenant's events stand.
    """

    principal: Principal
    outlet: Outlet
    seen: int | None
    check: Callable[[], Awaitable[object]]
    # Whose events are seen, None for everyone's: asked of each viewer for each event.
    _only: str | None = field(init=False)

    def __post_init__(self) -> None:
        principal = self.principal
        self._only = principal.principal_id if principal.is_guest_only else None

    def may_see(self, item: StreamEvent | Reset) -> bool:
        """Whether it is theirs to see: a guest's own events, all of the tenant's for others."""
        return self._only is None or isinstance(item, Reset) or item.principal_id == self._only


class FeedMetrics:
    """What streams cost: `gateway_sse_connections`, `gateway_sse_frames_total`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "gateway_sse_connections", "Event streams open.", registry=registry
        )
        self.frames = Counter(
            "gateway_sse_frames_total", "Frames written to event streams.", registry=registry
        )


class Feeds:
    """The feeds of all tenants that somebody looks at."""

    def __init__(self, reader: StreamReader, metrics: FeedMetrics) -> None:
        self._reader = reader
        self._metrics = metrics
        self._feeds: dict[UUID, _Feed] = {}
        self._viewers: set[Viewer] = set()
        self._last_words: bytes | None = None
        self._doubted = asyncio.Event()

    async def settle(self) -> None:
        """Waits until it is known where events stand, or a moment: Redis may be away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._reader.started(), _MOMENT_S)

    async def follow(
        self,
        principal: Principal,
        after: Cursor | None,
        outlet: Outlet,
        check: Callable[[], Awaitable[object]],
    ) -> None:
        """Writes a tenant's events to an outlet until that is closed or this is cancelled.

        Args:
            principal: decides what is seen.
            after: the last position seen, in the tenant's partition; None for what comes from
                now on. Where it is not known yet what "now" is, a `reset` tells it later.
            outlet: written to.
            check: awaited now and then; UNAUTHENTICATED ends the stream.
        """
        if self._last_words is not None:
            outlet.close(self._last_words)
            return
        viewer = Viewer(principal, outlet, after.seq if after else None, check)
        self._viewers.add(viewer)
        self._metrics.connections.inc()
        try:
            await _until(outlet.closed(), self._serve(viewer))
        finally:
            self._viewers.discard(viewer)
            self._metrics.connections.dec()

    async def run(self) -> None:
        """Writes heartbeats, and ends streams whose credential no longer holds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._watch())

    def check_soon(self) -> None:
        """Has every stream's credential checked now: one may no longer hold."""
        self._doubted.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for number, viewer in enumerate(tuple(self._viewers), start=1):
                viewer.outlet.write(HEARTBEAT)
                if number % _WRITES_IN_A_ROW == 0:
                    await asyncio.sleep(0)

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doubted.wait(), CHECK_S)
            self._doubted.clear()
            for number, viewer in enumerate(tuple(self._viewers), start=1):
                await _end_if_refused(viewer)
                if number % _WRITES_IN_A_ROW == 0:
                    await asyncio.sleep(0)

    def close(self, last_words: bytes) -> None:
        """Ends every stream with these bytes, and those that still begin."""
        self._last_words = last_words
        for viewer in self._viewers:
            viewer.outlet.close(last_words)

    async def _serve(self, viewer: Viewer) -> None:
        is_late = viewer.seen is None and not self._reader.is_started
        async with self._feed(viewer.principal.tenant_id) as feed:
            if viewer.seen is None:
                viewer.seen = feed.position
            if is_late:
                viewer.outlet.write(encode(Reset(Cursor(feed.partition, viewer.seen))))
            viewer.outlet.write(position(str(Cursor(feed.partition, viewer.seen))))
            try:
                # Past the feed is somebody whom another gateway served, or a log that is no more.
                if viewer.seen == feed.position:
                    feed.viewers.add(viewer)
                else:
                    await self._catch_up(feed, viewer, viewer.seen)
                await viewer.outlet.closed()
            finally:
                feed.viewers.discard(viewer)

    async def _catch_up(self, feed: _Feed, viewer: Viewer, seen: int) -> None:
        """Writes what was missed until the feed has nothing that the viewer has not; joins it then.

        The last event may come to both at once; the viewer takes the feed's only when it is past
        its own, so none is missed and none comes twice.
        """
        while True:
            after = Cursor(feed.partition, seen)
            try:
                async with self._reader.subscribe(viewer.principal.tenant_id, after) as missed:
                    async for item in missed:
                        self._show(viewer, item)
                        seen = item.cursor.seq
                        if seen >= feed.position:
                            feed.viewers.add(viewer)
                            return
                        await viewer.outlet.flush(_PATIENCE_S)
            except SlowConsumer:
                # More came than waits for one reader: what it did not take is in the stream.
                continue

    def _show(self, viewer: Viewer, item: StreamEvent | Reset) -> None:
        if viewer.may_see(item):
            viewer.outlet.write(encode(item))
            self._metrics.frames.inc()
        viewer.seen = item.cursor.seq

    @asynccontextmanager
    async def _feed(self, tenant_id: UUID) -> AsyncIterator[_Feed]:
        feed = self._feeds.get(tenant_id)
        if feed is None:
            feed = self._feeds[tenant_id] = _Feed(self._reader, tenant_id, self._metrics)
        feed.followers += 1
        try:
            await feed.opened()
            yield feed
        finally:
            feed.followers -= 1
            if feed.followers == 0:
                self._feeds.pop(tenant_id, None)
                await feed.close()


async def _end_if_refused(viewer: Viewer) -> None:
    try:
        await viewer.check()
    except Failure as failure:
        if failure.code is grpc.StatusCode.UNAUTHENTICATED:
            viewer.outlet.close()
    except Exception:  # noqa: BLE001
        # A database away for a while ends no stream.
        _log.warning("stream_not_checked", exc_info=True)


class _Feed:
    """The events of one tenant, from when somebody began to look."""

    def __init__(self, reader: StreamReader, tenant_id: UUID, metrics: FeedMetrics) -> None:
        self.followers = 0
        self.viewers: set[Viewer] = set()
        self.partition = 0
        self.position = 0
        self._reader = reader
        self._tenant_id = tenant_id
        self._metrics = metrics
        self._opened = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"feed-{tenant_id}")

    async def opened(self) -> None:
        """Returns once the feed knows its position."""
        await self._opened.wait()

    async def close(self) -> None:
        """Stops reading."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        after: Cursor | None = None
        while True:
            try:
                async with self._reader.subscribe(self._tenant_id, after, _READ_AHEAD) as events:
                    after = events.cursor
                    self.partition, self.position = after.partition, after.seq
                    self._opened.set()
                    async for item in events:
                        after = item.cursor
                        await self._write(item)
            except SlowConsumer:
                _log.warning("feed_fell_behind", tenant_id=str(self._tenant_id))
            except Exception:  # noqa: BLE001
                # Whoever looks goes on waiting where they are; the next attempt serves them.
                _log.exception("feed_failed", tenant_id=str(self._tenant_id))
                await asyncio.sleep(_RETRY_S)

    async def _write(self, item: StreamEvent | Reset) -> None:
        self.position = item.cursor.seq
        is_back = isinstance(item, Reset) and item.is_back
        encoded = encode(item)
        written = 0
        for viewer in tuple(self.viewers):
            if viewer.seen is None or (viewer.seen >= item.cursor.seq and not is_back):
                continue
            viewer.seen = item.cursor.seq
            if viewer.may_see(item):
                viewer.outlet.write(encoded)
                written += 1
                if written % _WRITES_IN_A_ROW == 0:
                    await asyncio.sleep(0)
        self._metrics.frames.inc(written)


async def _until(end: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> None:
    """Does `work`, no longer than until `end`."""
    tasks = {asyncio.create_task(end), asyncio.create_task(work)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def encode(item: StreamEvent | Reset) -> bytes:
    """The frame of an event: `maitred.order.v1` is event `order`, its data the CloudEvent."""
    if isinstance(item, Reset):
        data = json.dumps({"cursor": str(item.cursor)}, separators=(",", ":")).encode()
        return frame(data, event="reset", cursor=str(item.cursor))
    name = item.type.split(".")[-2] if item.type.count(".") > 1 else item.type
    return frame(item.payload, event=name, cursor=str(item.cursor))
