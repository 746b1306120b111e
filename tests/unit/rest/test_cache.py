"""What was read a moment ago."""

from __future__ import annotations

import asyncio

import pytest

from gateway.identity.cache import ReadThroughCache


class Source:
    """Counts reads, and waits to be let go on."""

    def __init__(self) -> None:
        self.reads = 0
        self.now = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.cache: ReadThroughCache[str, str] = ReadThroughCache(
            self.read, lifetime_s=30, most=2, clock=lambda: self.now
        )

    async def read(self, key: str) -> str:
        self.reads += 1
        number = self.reads
        await self.open.wait()
        if key == "bad":
            raise ConnectionError
        return f"{key}{number}"


async def test_a_value_is_read_once_while_it_lasts() -> None:
    source = Source()
    assert [await source.cache.get("a") for _ in range(3)] == ["a1"] * 3
    source.now = 30
    assert await source.cache.get("a") == "a2"


async def test_those_who_ask_at_once_wait_for_one_read() -> None:
    source = Source()
    source.open.clear()
    asking = [asyncio.create_task(source.cache.get("a")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    source.open.set()
    assert await asyncio.gather(*asking[1:]) == ["a1"] * 4


async def test_what_is_forgotten_is_read_anew_and_yet_known() -> None:
    source = Source()
    assert [await source.cache.get(key) for key in "ab"] == ["a1", "b2"]
    source.cache.forget("a")
    assert [source.cache.last(key) for key in "abc"] == ["a1", "b2", None]
    assert [await source.cache.get(key) for key in "ab"] == ["a3", "b2"]
    source.cache.forget_all()
    assert [source.cache.last(key) for key in "ab"] == ["a3", "b2"]
    assert [await source.cache.get(key) for key in "ab"] == ["a4", "b5"]


async def test_what_is_forgotten_while_it_is_read_is_not_kept() -> None:
    source = Source()
    source.open.clear()
    asking = asyncio.create_task(source.cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.cache.forget("a")
    source.open.set()
    assert await asking == "a1"
    assert await source.cache.get("a") == "a2"


async def test_a_failure_is_not_kept() -> None:
    source = Source()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await source.cache.get("bad")
    assert source.reads == 2


async def test_only_so_many_are_kept() -> None:
    source = Source()
    for key in "abc":
        await source.cache.get(key)
    await source.cache.get("a")
    assert source.reads == 4
