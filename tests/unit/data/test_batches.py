"""Calls of the same moment are made as one, and every caller learns what became of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from services.chassis.data.batches import Batches


class Ledger:
    """Commits when it is let, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.open = asyncio.Event()

    async def commit(self, key: str, items: Sequence[int]) -> list[int]:
        self.batches.append((key, list(items)))
        await self.open.wait()
        if 13 in items:
            raise ConnectionError("gone")
        return [item * 10 for item in items]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_while_a_batch_is_committed_is_the_next_batch() -> None:
    ledger = Ledger()
    group = Batches(ledger.commit, window_s=0.0)
    first = asyncio.create_task(group.join("a", 1))
    await settle()
    others = [asyncio.create_task(group.join("a", item)) for item in (2, 3, 4)]
    await settle()
    ledger.open.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert ledger.batches == [("a", [1]), ("a", [2, 3, 4])]


async def test_those_of_another_key_do_not_wait() -> None:
    ledger = Ledger()
    group = Batches(ledger.commit, window_s=0.0)
    tasks = [asyncio.create_task(group.join(key, 1)) for key in ("a", "b")]
    await settle()
    assert [key for key, _ in ledger.batches] == ["a", "b"]
    ledger.open.set()
    await asyncio.gather(*tasks)


async def test_a_batch_that_fails_fails_for_all_in_it_and_for_nobody_else() -> None:
    ledger = Ledger()
    ledger.open.set()
    group = Batches(ledger.commit, window_s=0.0)
    found = await asyncio.gather(*(group.join("a", n) for n in (12, 13)), return_exceptions=True)
    assert all(isinstance(one, ConnectionError) for one in found)
    assert await group.join("a", 14) == 140


async def test_a_caller_that_went_away_takes_nobody_along() -> None:
    ledger = Ledger()
    group = Batches(ledger.commit, window_s=0.0)
    gone = asyncio.create_task(group.join("a", 1))
    stays = asyncio.create_task(group.join("a", 2))
    await settle()
    gone.cancel()
    await settle()
    ledger.open.set()
    assert await stays == 20
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_what_nobody_waits_for_any_more_is_not_committed() -> None:
    ledger = Ledger()
    group = Batches(ledger.commit, window_s=0.0)
    first = asyncio.create_task(group.join("a", 1))
    await settle()
    gone, stays = (asyncio.create_task(group.join("a", item)) for item in (2, 3))
    await settle()
    gone.cancel()
    ledger.open.set()
    assert (await first, await stays) == (10, 30)
    assert ledger.batches == [("a", [1]), ("a", [3])]
