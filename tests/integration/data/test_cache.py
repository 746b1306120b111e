"""Copies in Redis: never older than what was said before, and never in the way."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import redis.asyncio
from prometheus_client import CollectorRegistry

from services.assembly.embedded import EmbeddedValkey
from services.chassis.data import cache as caching
from services.chassis.data.cache import Cache, CacheServer, Versioned, pack, unpack
from services.chassis.data.cache_metrics import CacheMetrics
from services.chassis.data.redis_client import open_redis
from tests.support.ports import free_port
from tests.support.servers import Servers, claim_home, running


@dataclass(slots=True)
class Original:
    """What the copies are of: a version, and how often it was read."""

    version: int = 1
    reads: int = 0
    slow: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    def __post_init__(self) -> None:
        self.slow.set()

    async def load(self, known: int) -> Versioned:
        version = self.version
        self.reads += 1
        self.begun.set()
        await self.slow.wait()
        if self.broken:
            raise OSError("the database is away")
        return Versioned(version, None if version == known else f"body {version}".encode())


class Process:
    """One process's cache."""

    def __init__(self, client: "redis.asyncio.Redis | None") -> None:
        self.registry = CollectorRegistry()
        self.server = CacheServer(client, time.monotonic, os.urandom, CacheMetrics(self.registry))
        self.cache = Cache("menu", self.server)

    async def read(self, tenant_id: UUID, original: Original, known: int = -1) -> Versioned:
        return await self.cache.read(tenant_id, known, original.load)

    async def version(self, tenant_id: UUID, original: Original) -> int:
        found = await self.read(tenant_id, original)
        assert found.body == f"body {found.version}".encode()
        return found.version

    def count(self, result: str) -> float:
        labels = {"cache": "menu", "result": result}
        return self.registry.get_sample_value("maitred_cache_requests_total", labels) or 0.0


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    async with open_redis(redis_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def processes(client: "redis.asyncio.Redis") -> tuple[Process, Process]:
    """Two that share a Redis."""
    both = Process(client), Process(client)
    for one in both:
        await one.server.verify()
    return both


@pytest.fixture
def tenant_id() -> UUID:
    return uuid4()


@pytest.fixture(autouse=True)
def is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may verify late and answer late; no test here is about how late."""
    monkeypatch.setattr(caching, "_TRUSTED_FOR_S", 60.0)
    monkeypatch.setattr(caching, "_ANSWER_WITHIN_S", 5.0)


async def test_what_one_process_read_another_need_not(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, other = processes
    original = Original()
    assert await one.version(tenant_id, original) == 1
    assert await other.version(tenant_id, original) == 1
    assert original.reads == 1
    assert (one.count("miss"), other.count("hit")) == (1, 1)


async def test_a_version_that_is_known_comes_without_its_body(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, other = processes
    original = Original()
    await one.read(tenant_id, original)
    assert await other.read(tenant_id, original, known=1) == Versioned(1, None)


async def test_a_change_at_one_process_is_seen_at_the_next_read_of_any(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, other = processes
    original = Original()
    for version in range(2, 6):
        await one.read(tenant_id, original)
        original.version = version
        assert await other.cache.invalidate(tenant_id, version)
        assert await one.version(tenant_id, original) == version
        assert await other.version(tenant_id, original) == version
    assert original.reads == 5


async def test_tenants_and_kinds_are_kept_apart(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, _ = processes
    original, other = Original(), Original(version=7)
    assert await one.version(tenant_id, original) == 1
    assert await one.version(uuid4(), other) == 7
    assert (await Cache("prices", one.server).read(tenant_id, -1, other.load)).version == 7
    await one.cache.invalidate(uuid4(), 9)
    assert await one.version(tenant_id, original) == 1
    assert original.reads == 1


async def test_fifty_who_miss_at_once_read_the_database_once(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    original = Original()
    original.slow.clear()
    readers = [
        asyncio.create_task(processes[n % 2].version(tenant_id, original)) for n in range(50)
    ]
    await original.begun.wait()
    await asyncio.sleep(0.1)
    original.slow.set()
    assert set(await asyncio.gather(*readers)) == {1}
    assert original.reads == 1
    waits = [
        one.registry.get_sample_value("maitred_cache_lock_waits_total", {"cache": "menu"})
        for one in processes
    ]
    assert sorted(waits) == [0, 1]  # type: ignore[type-var]


async def test_a_slow_reader_puts_nothing_old_back(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, other = processes
    original = Original()
    original.slow.clear()
    slow = asyncio.create_task(one.version(tenant_id, original))
    await original.begun.wait()
    original.version = 2
    await other.cache.invalidate(tenant_id, 2)
    # One who comes now is not given what the slow one is reading.
    later = asyncio.create_task(one.version(tenant_id, original))
    await asyncio.sleep(0.05)
    original.slow.set()
    assert await later == 2
    assert await slow == 2
    assert await other.version(tenant_id, original) == 2


async def test_a_reader_that_lost_its_lock_puts_nothing(
    processes: tuple[Process, Process], tenant_id: UUID, client: "redis.asyncio.Redis"
) -> None:
    one, other = processes
    original = Original()
    original.slow.clear()
    slow = asyncio.create_task(one.version(tenant_id, original))
    await original.begun.wait()
    # Its time is up, and Redis has forgotten which floor there was.
    await client.flushdb()
    original.version = 2
    original.slow.set()
    assert await slow == 2
    assert await other.version(tenant_id, original) == 2


async def test_a_database_that_fails_is_said_to_have_failed_and_asked_again(
    processes: tuple[Process, Process], tenant_id: UUID
) -> None:
    one, other = processes
    original = Original(broken=True)
    with pytest.raises(OSError, match="away"):
        await one.read(tenant_id, original)
    original.broken = False
    assert await other.version(tenant_id, original) == 1


async def test_having_nothing_is_remembered_for_a_moment(
    processes: tuple[Process, Process], tenant_id: UUID, client: "redis.asyncio.Redis"
) -> None:
    one, other = processes
    original = Original(version=0)
    assert await one.version(tenant_id, original) == 0
    assert await other.version(tenant_id, original) == 0
    assert original.reads == 1
    key = f"maitred:cache:{{{tenant_id.hex}}}:menu"
    assert 0 < await client.pttl(key) <= caching.NOTHING_TTL_S * 1000
    original.version = 1
    await one.cache.invalidate(tenant_id, 1)
    assert await other.version(tenant_id, original) == 1
    assert 0 < await client.pttl(key) <= caching.TTL_S * 1000


async def test_a_redis_that_was_wiped_is_filled_with_what_is_new(
    processes: tuple[Process, Process], tenant_id: UUID, client: "redis.asyncio.Redis"
) -> None:
    one, other = processes
    original = Original()
    await one.read(tenant_id, original)
    original.version = 2
    await one.cache.invalidate(tenant_id, 2)
    await client.flushall()
    assert await other.version(tenant_id, original) == 2
    assert await one.version(tenant_id, original) == 2
    assert original.reads == 2


async def test_a_service_without_redis_reads_the_database(tenant_id: UUID) -> None:
    alone, original = Process(None), Original()
    await alone.server.verify()
    assert await alone.version(tenant_id, original) == 1
    assert await alone.cache.invalidate(tenant_id, 2)
    assert await alone.read(tenant_id, original, known=1) == Versioned(1, None)
    assert alone.count("bypass") == 2


async def test_a_redis_that_died_is_done_without_until_it_is_back(
    servers: Servers, tenant_id: UUID
) -> None:
    original = Original()
    with claim_home(servers.home.path / "cache") as home:
        valkey = EmbeddedValkey(home, free_port())
        async with open_redis(valkey.url) as client:
            one = Process(client)
            await one.server.verify()
            assert await one.version(tenant_id, original) == 1
            with running(valkey, signal.SIGTERM):
                await one.server.verify()
                await one.version(tenant_id, original)
                await one.version(tenant_id, original)
                assert one.count("hit") == 1
            original.version = 2
            assert not await one.cache.invalidate(tenant_id, 2)
            assert await one.version(tenant_id, original) == 2
            with running(valkey, signal.SIGTERM):
                await one.server.verify()
                assert await one.version(tenant_id, original) == 2
                assert await one.version(tenant_id, original) == 2
                assert one.count("hit") == 2


async def test_what_a_restarted_redis_remembers_is_not_believed(
    servers: Servers, tenant_id: UUID
) -> None:
    original = Original()
    with claim_home(servers.home.path / "cache") as home:
        valkey = EmbeddedValkey(home, free_port())
        async with open_redis(valkey.url) as client:
            one, other = Process(client), Process(client)
            with running(valkey, signal.SIGTERM):
                await one.server.verify()
                await one.read(tenant_id, original)
            # It comes back as it was before a second of what it was told.
            original.version = 2
            with running(valkey, signal.SIGTERM):
                for process in (one, other):
                    await process.server.verify()
                key = f"maitred:cache:{{{tenant_id.hex}}}:menu"
                assert await client.hget(key, "version") == b"1"
                assert await one.version(tenant_id, original) == 2
                assert await other.version(tenant_id, original) == 2


async def test_a_redis_that_hung_is_told_what_it_missed_before_it_is_trusted(
    servers: Servers, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "_ANSWER_WITHIN_S", 0.3)
    original = Original()
    with claim_home(servers.home.path / "cache") as home:
        valkey = EmbeddedValkey(home, free_port())
        async with open_redis(valkey.url) as client:
            one = Process(client)
            with running(valkey, signal.SIGTERM):
                (pid,) = [(await client.info("server"))["process_id"]]
                await one.server.verify()
                await one.read(tenant_id, original)
                os.kill(pid, signal.SIGSTOP)
                try:
                    original.version = 2
                    assert not await one.cache.invalidate(tenant_id, 2)
                    assert await one.version(tenant_id, original) == 2
                    await one.server.verify()
                    assert one.server.trusted_run == b""
                finally:
                    os.kill(pid, signal.SIGCONT)
                async with asyncio.timeout(60):
                    while one.server.trusted_run == b"":
                        await one.server.verify()
                assert await one.version(tenant_id, original) == 2


def test_some_bytes_are_packed_as_one() -> None:
    for parts in ((), (b"",), (b"a", b"", b"long" * 100)):
        assert unpack(pack(parts)) == list(parts)
