"""Writes of concurrent calls, committed together.

While one batch is being committed the next one gathers, so a lone write waits for nothing and many
share the price of a commit. A write has returned only once it is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

_LARGEST = 256


class GroupCommit(Generic[Key, Item, Result]):
    """Batches by key; those of one key are committed one after another."""

    def __init__(
        self,
        commit: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Result]]],
        window_s: float,
    ) -> None:
        """`commit` writes a batch in one transaction and returns a result for each item.

        A batch that follows another at once gathers for `window_s` seconds.
        """
        self._commit = commit
        self._window_s = window_s
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Result]]]] = {}
        self._writers: dict[Key, asyncio.Task[None]] = {}

    async def write(self, key: Key, item: Item) -> Result:
        """What the commit returned for this item; raises what it raised for its batch."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((item, future))
        if key not in self._writers:
            self._writers[key] = asyncio.create_task(self._write(key))
        return await future

    async def _write(self, key: Key) -> None:
        try:
            # Calls that came in with the same read of the socket join the first batch.
            await asyncio.sleep(0)
            while gathered := self._waiting.pop(key, None):
                # Who is gone was not answered: what nobody knows of need not be kept.
                waiting = [one for one in gathered if not one[1].done()]
                for start in range(0, len(waiting), _LARGEST):
                    await self._write_batch(key, waiting[start : start + _LARGEST])
                if key in self._waiting:
                    await asyncio.sleep(self._window_s)
        finally:
            del self._writers[key]

    async def _write_batch(
        self, key: Key, batch: Sequence[tuple[Item, asyncio.Future[Result]]]
    ) -> None:
        try:
            results = await self._commit(key, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - told to every call of the batch
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
