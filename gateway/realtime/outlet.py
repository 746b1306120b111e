"""One connection that is written to and never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, cast

from starlette.types import Send


class Outlet:
    """The body of one streamed response.

    `write` hands bytes to the server at once. Where the server wants to wait, because the client
    reads too slowly, what comes meanwhile is kept up to `most_bytes`; beyond that the connection
    is cut off: what was kept is dropped and replaced by `cut_off` as its last words.
    """

    def __init__(self, send: Send, most_bytes: int, cut_off: bytes) -> None:
        self._send = send
        self._most_bytes = most_bytes
        self._cut_off = cut_off
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._waiting: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more will be written."""
        return self._closed.is_set()

    def write(self, data: bytes) -> None:
        """Writes, or keeps for when the client has read; nothing after the end."""
        if self.is_closed:
            return
        if self._waiting is not None:
            self._keep(data)
            return
        rest = _begin(self._send(_body(data)))
        if rest is not None:
            self._waiting = asyncio.create_task(self._finish(rest))

    def close(self, last_words: bytes = b"") -> None:
        """Ends the stream with these bytes."""
        if last_words:
            self.write(last_words)
        self._closed.set()

    async def closed(self) -> None:
        """Returns once the stream is ended from this side."""
        await self._closed.wait()

    async def flush(self, timeout_s: float) -> bool:
        """Waits until all is written; False if that takes longer. Call it after the end."""
        if self._waiting is None:
            return True
        done, _ = await asyncio.wait({self._waiting}, timeout=timeout_s)
        return bool(done)

    def abandon(self) -> None:
        """Gives up what is not written: the client has gone."""
        self._closed.set()
        if self._waiting is not None:
            self._waiting.cancel()

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes > self._most_bytes:
            self._kept = [self._cut_off]
            self._closed.set()

    async def _finish(self, rest: Awaitable[None]) -> None:
        await rest
        while self._kept:
            data = b"".join(self._kept)
            self._kept.clear()
            self._kept_bytes = 0
            await self._send(_body(data))
        self._waiting = None


def _body(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}


def _begin(sending: Awaitable[None]) -> Awaitable[None] | None:
    """Runs a coroutine up to where it waits; the rest of it, None if it has none.

    A server that need not wait is done in this one step, which spares the task that awaiting it
    apart from the caller would take.
    """
    coroutine = cast("Coroutine[Any, None, None]", sending)
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    return _Rest(coroutine, awaited)


class _Rest:
    """What is left of a coroutine that waits for `awaited`."""

    def __init__(self, coroutine: Coroutine[Any, None, None], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, None, None]:
        try:
            while True:
                # A future was yielded to us and not to a task; a task waits for it now.
                yield from asyncio.wait({self._awaited}).__await__()
                self._awaited = self._coroutine.send(None)
        except StopIteration:
            return
        finally:
            self._coroutine.close()
