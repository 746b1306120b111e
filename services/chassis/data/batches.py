"""Calls of the same moment, made as one.

While one batch is under way the next one gathers, so a lone call waits for nothing and many share
the price of a commit, or of a round trip. Each begins after it was called and returns what came of
it: a write once it is durable, a read what was there since.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

_LARGEST = 256


class Batches(Generic[Key, Item, Result]):
    """Batches by key; those of one key are made one after another."""

    def __init__(
        self,
        make: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Result]]],
        window_s: float,
    ) -> None:
        """`make` does what a batch asks for and returns a result for each item.

        A batch that follows another at once gathers for `window_s` seconds.
        """
        self._make = make
        self._window_s = window_s
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Result]]]] = {}
        self._makers: dict[Key, asyncio.Task[None]] = {}

    async def join(self, key: Key, item: Item) -> Result:
        """What was returned for this item; raises what it raised for its batch."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((item, future))
        if key not in self._makers:
            self._makers[key] = asyncio.create_task(self._make_all(key))
        return await future

    async def _make_all(self, key: Key) -> None:
        try:
            # Calls that came in with the same read of the socket join the first batch.
            await asyncio.sleep(0)
            while gathered := self._waiting.pop(key, None):
                # Who is gone was not answered: what nobody knows of need not be kept.
                waiting = [one for one in gathered if not one[1].done()]
                for start in range(0, len(waiting), _LARGEST):
                    await self._make_batch(key, waiting[start : start + _LARGEST])
                if key in self._waiting:
                    await asyncio.sleep(self._window_s)
        finally:
            del self._makers[key]

    async def _make_batch(
        self, key: Key, batch: Sequence[tuple[Item, asyncio.Future[Result]]]
    ) -> None:
        try:
            results = await self._make(key, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - told to every call of the batch
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
