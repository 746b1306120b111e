"""Events of tenants to those who may see them: read once a tenant, encoded once, written to all."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter

from gateway.realtime.connections import (
    SLOW_READER,
    WRITES_IN_A_ROW,
    Connection,
)
from services.chassis.data.outbox import partition_of
from services.chassis.data.streams import (
    Cursor,
    Reset,
    SlowConsumer,
    StreamEvent,
    StreamReader,
)

# CloudEvents types, as clients name those they want.
TYPE = re.compile(r"maitred\.[a-z_]{1,40}\.v[1-9][0-9]?")
_READ_AHEAD = 10_000
_RETRY_S = 1.0
# How long a stream's head is held back until its position is known.
_MOMENT_S = 2.0
# How long a slow connection is waited for while it catches up.
_PATIENCE_S = 60.0

_log = structlog.get_logger(__name__)


class Form(Protocol):
    """How items look on a connection. Those of forms with the same `key` look the same."""

    @property
    def key(self) -> str:
        """Names the form."""

    def opened(self, cursor: Cursor) -> bytes:
        """What is said first: where it begins."""

    def item(self, item: StreamEvent | Reset) -> bytes:
        """An event, or that events were lost."""


@dataclass(slots=True, eq=False)
class Viewer:
    """One look at a tenant's events: by whom, of what, how it is written and how far it has seen.

    Attributes:
        tenant_id: whose events.
        only: of which principal; None for everyone's.
        types: CloudEvents types; None for all.
        connection: written to.
        form: in which.
        seen: the last position, None until it is known where the tenant's events stand.
        is_live: whether it has caught up.
    """

    tenant_id: UUID
    only: str | None
    types: Collection[str] | None
    connection: Connection
    form: Form
    seen: int | None
    is_live: bool = False
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.form.key

    def wants(self, item: StreamEvent | Reset) -> bool:
        """Whether the item is theirs to see, and asked for."""
        if isinstance(item, Reset):
            return True
        if self.only is not None and item.principal_id != self.only:
            return False
        return self.types is None or item.type in self.types


class Feeds:
    """The feeds of all tenants that somebody looks at; `messages` counts what is written."""

    def __init__(self, reader: StreamReader, messages: Counter) -> None:
        self._reader = reader
        self._messages = messages
        self._feeds: dict[UUID, _Feed] = {}
        self._beginning: dict[Viewer, asyncio.Task[None]] = {}

    async def settle(self) -> None:
        """Waits until it is known where events stand, or a moment: Redis may be away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT_S):
                await self._reader.started()

    def position(self, tenant_id: UUID) -> Cursor | None:
        """Where a tenant's events stand now; None if nobody knows yet."""
        partition = partition_of(tenant_id)
        seq = self._reader.position(partition)
        return None if seq is None else Cursor(partition, seq)

    def enter(self, viewer: Viewer) -> None:
        """Writes what the viewer has not seen, and what comes, until it leaves.

        Where it is not known yet what "now" is, a reset tells it later.
        """
        now = self.position(viewer.tenant_id)
        is_late = viewer.seen is None and now is None
        if viewer.seen is None and now is not None:
            viewer.seen = now.seq
        feed = self._feeds.get(viewer.tenant_id)
        if feed is None:
            feed = _Feed(self._reader, viewer.tenant_id, self._count)
            self._feeds[viewer.tenant_id] = feed
        feed.followers += 1
        beginning = asyncio.create_task(self._begin(feed, viewer, is_late=is_late))
        self._beginning[viewer] = beginning
        beginning.add_done_callback(lambda _: self._beginning.pop(viewer, None))

    def leave(self, viewer: Viewer) -> None:
        """Writes nothing more for a viewer that entered."""
        if (beginning := self._beginning.get(viewer)) is not None:
            beginning.cancel()
        feed = self._feeds[viewer.tenant_id]
        feed.discard(viewer)
        feed.followers -= 1
        if feed.followers == 0:
            del self._feeds[viewer.tenant_id]
            feed.close()

    def seen(self, viewer: Viewer) -> Cursor | None:
        """Up to where the viewer has everything that is theirs."""
        feed = self._feeds[viewer.tenant_id]
        seq = max(feed.position, viewer.seen or 0) if viewer.is_live else viewer.seen
        return None if seq is None else Cursor(feed.partition, seq)

    async def _begin(self, feed: _Feed, viewer: Viewer, *, is_late: bool) -> None:
        try:
            await feed.opened()
            if viewer.seen is None:
                viewer.seen = feed.position
            cursor = Cursor(feed.partition, viewer.seen)
            if is_late:
                viewer.connection.write(viewer.form.item(Reset(cursor)))
            viewer.connection.write(viewer.form.opened(cursor))
            # Past the feed is somebody whom another gateway served: it is told what is new to it.
            # Past the reader may be a position of a log that is no more.
            if feed.position <= viewer.seen <= (self._reader.position(feed.partition) or 0):
                feed.add(viewer)
            else:
                await self._catch_up(feed, viewer, viewer.seen)
        except Exception:
            _log.exception("feed_not_begun", tenant_id=str(viewer.tenant_id))
            raise

    async def _catch_up(self, feed: _Feed, viewer: Viewer, seen: int) -> None:
        """Writes what was missed until the feed has nothing that the viewer has not; joins it then.

        The last event may come to both at once; the viewer takes the feed's only when it is past
        its own, so none is missed and none comes twice.
        """
        while True:
            after = Cursor(feed.partition, seen)
            try:
                async with self._reader.subscribe(viewer.tenant_id, after) as missed:
                    async for item in missed:
                        self._show(viewer, item)
                        seen = item.cursor.seq
                        if seen >= feed.position:
                            feed.add(viewer)
                            return
                        if not await viewer.connection.drained(_PATIENCE_S):
                            viewer.connection.end(SLOW_READER)
                            return
            except SlowConsumer:
                # More came than waits for one reader: what it did not take is in the stream.
                continue

    def _show(self, viewer: Viewer, item: StreamEvent | Reset) -> None:
        viewer.seen = item.cursor.seq
        if viewer.wants(item):
            viewer.connection.write(viewer.form.item(item))
            self._count(viewer.connection.kind, item, 1)

    def _count(self, kind: str, item: StreamEvent | Reset, written: int) -> None:
        name = "reset" if isinstance(item, Reset) else item.type
        self._messages.labels(kind, name).inc(written)


class _Feed:
    """The events of one tenant, from when somebody began to look."""

    def __init__(
        self,
        reader: StreamReader,
        tenant_id: UUID,
        count: Callable[[str, StreamEvent | Reset, int], None],
    ) -> None:
        self.followers = 0
        self.partition = partition_of(tenant_id)
        self.position = 0
        self._reader = reader
        self._tenant_id = tenant_id
        self._count = count
        # By whose events they see, so that a guest's costs nothing for all the other guests.
        self._viewers: defaultdict[str | None, set[Viewer]] = defaultdict(set)
        self._opened = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"feed-{tenant_id}")

    async def opened(self) -> None:
        """Returns once the feed knows its position."""
        await self._opened.wait()

    def add(self, viewer: Viewer) -> None:
        """Has a viewer be written to who has seen what the feed has."""
        viewer.is_live = True
        self._viewers[viewer.only].add(viewer)

    def discard(self, viewer: Viewer) -> None:
        """Has a viewer be written to no more."""
        viewer.is_live = False
        viewers = self._viewers[viewer.only]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[viewer.only]

    def close(self) -> None:
        """Stops reading."""
        self._task.cancel()

    async def _run(self) -> None:
        after: Cursor | None = None
        while True:
            try:
                async with self._reader.subscribe(self._tenant_id, after, _READ_AHEAD) as events:
                    after = events.cursor
                    self.position = after.seq
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

    def _receivers(self, item: StreamEvent | Reset) -> list[Viewer]:
        if isinstance(item, Reset):
            return [viewer for viewers in self._viewers.values() for viewer in viewers]
        return [*self._viewers.get(None, ()), *self._viewers.get(item.principal_id, ())]

    async def _write(self, item: StreamEvent | Reset) -> None:
        seq = self.position = item.cursor.seq
        is_back = isinstance(item, Reset) and item.is_back
        frames: dict[str, _Frame] = {}
        for number, viewer in enumerate(self._receivers(item), start=1):
            # Others are served between writes, and may have left.
            if viewer.is_live and (is_back or viewer.seen is None or viewer.seen < seq):
                viewer.seen = seq
                if viewer.types is None or viewer.wants(item):
                    frame = frames.get(viewer.key)
                    if frame is None:
                        frame = _Frame(viewer.form.item(item), viewer.connection.kind)
                        frames[viewer.key] = frame
                    frame.written += 1
                    viewer.connection.write(frame.data)
            if number % WRITES_IN_A_ROW == 0:
                await asyncio.sleep(0)
        for frame in frames.values():
            self._count(frame.kind, item, frame.written)


@dataclass(slots=True)
class _Frame:
    """An item in one form, and how often it was written."""

    data: bytes
    kind: str
    written: int = 0
