"""Copies in Redis of what a database holds, one for each tenant and kind, told apart by version.

A read is one round trip that says which version is there; a caller that has it decoded takes its
own. Where there is none, one reader of all processes reads the database and the others wait for
it. Whoever changes the original raises the copy's *floor* after the commit: older copies go, and
with them the lock of a reader at work, so that what it has read meanwhile is not put back. A
reader that lost its lock, however slow, puts nothing.

Only a Redis known to be the one that was written to is trusted: one that was restarted may have
forgotten a second of what it was told. Its run id is asked for every quarter of a second and
written beside each copy. While it is not known, and whenever Redis does not answer, callers read
the database as if there were no cache. A raise that could not be delivered is delivered before
Redis is trusted again.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from services.chassis.data.batches import Batches
from services.chassis.data.cache_metrics import CacheMetrics

# The last safety: what nobody invalidates is gone after this.
TTL_S = 60.0
# Of the copy of nothing: a tenant that has none is asked for anew.
NOTHING_TTL_S = 5.0
VERIFY_EVERY_S = 0.25
# Longer than VERIFY_EVERY_S, and less than the second within which a change has to be seen.
_TRUSTED_FOR_S = 0.75
_ANSWER_WITHIN_S = 0.5
# Longer than a read of the database takes; who holds a lock and dies is waited for no longer.
_LOCK_S = 3.0
_LOOK_EVERY_S = 0.01
_WAIT_AT_MOST_S = 1.0
_FILLS = 3
_WHOLE = ("version", "run", "body")
_FAULTS = (RedisError, OSError, TimeoutError)

# KEYS: copy, lock. ARGV: token, version, body, run id, milliseconds. 1 if it was put.
_PUT = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
local floor = redis.call('HGET', KEYS[1], 'floor')
if floor and tonumber(floor) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3], 'run', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
# KEYS: copy, lock. ARGV: version, milliseconds.
_RAISE = """
local floor = redis.call('HGET', KEYS[1], 'floor')
if floor and tonumber(floor) >= tonumber(ARGV[1]) then return end
redis.call('HSET', KEYS[1], 'floor', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local version = redis.call('HGET', KEYS[1], 'version')
if not version or tonumber(version) < tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], 'version', 'body', 'run')
    redis.call('DEL', KEYS[2])
end
"""
# KEYS: lock. ARGV: token.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Versioned:
    """What the database held at a version, at least 0; `body` is None for a version known."""

    version: int
    body: bytes | None


Load = Callable[[int], Awaitable[Versioned]]
"""Reads the database; given the version the caller has, -1 for none, which needs no body."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Where a copy is; one slot for both, as a script needs it."""

    copy: str
    lock: str


class CacheServer:
    """The Redis that caches are in, and whether it can be trusted.

    Args:
        redis: None to do without.
        monotonic: seconds of a clock that only goes forward.
        randbytes: makes tokens.
        metrics: counts.
    """

    def __init__(
        self,
        redis: "redis.asyncio.Redis | None",
        monotonic: Callable[[], float],
        randbytes: Callable[[int], bytes],
        metrics: CacheMetrics,
    ) -> None:
        # The stubs type answers for every protocol and decoding at once.
        client: Any = redis
        self.client = client
        self.monotonic = monotonic
        self.metrics = metrics
        self._randbytes = randbytes
        self._run = b""
        self._trusted_until = 0.0
        self._owed: dict[_Keys, int] = {}
        self._peeks = Batches(self._peek, window_s=0.0)
        if redis is not None:
            self._put: Any = client.register_script(_PUT)
            self._raise: Any = client.register_script(_RAISE)
            self._unlock: Any = client.register_script(_UNLOCK)

    @property
    def trusted_run(self) -> bytes:
        """The run id of the Redis that can be trusted now; empty for none."""
        return self._run if self.monotonic() < self._trusted_until else b""

    def distrust(self, error: BaseException) -> None:
        """Asks nothing of Redis until it has been verified again."""
        if self._trusted_until:
            _log.warning("cache.bypassed", error=repr(error))
        self._trusted_until = 0.0

    async def run(self) -> None:
        """Verifies Redis again and again until cancelled."""
        while True:
            await self.verify()
            await asyncio.sleep(VERIFY_EVERY_S)

    async def verify(self) -> None:
        """Finds out which Redis it is, and delivers what is owed to it."""
        if self.client is None:
            return
        asked = self.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                run = (await self.client.info("server"))["run_id"].encode()
            for keys, version in [*self._owed.items()]:
                await self._deliver(keys, version)
                if self._owed.get(keys) == version:
                    del self._owed[keys]
        except _FAULTS as error:
            self.distrust(error)
            return
        if run != self._run:
            _log.info("cache.trusted", run=run.decode())
        self._run, self._trusted_until = run, asked + _TRUSTED_FOR_S

    async def raise_floor(self, keys: _Keys, version: int) -> bool:
        """Takes away copies older than a version. A Redis that does not answer is owed it."""
        if self.client is None:
            return True
        try:
            await self._deliver(keys, version)
        except _FAULTS as error:
            self._owed[keys] = max(version, self._owed.get(keys, 0))
            self.distrust(error)
            return False
        return True

    async def take_lock(self, keys: _Keys) -> bytes | None:
        """A token if the lock is ours now."""
        token = self._randbytes(12).hex().encode()
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            taken = await self.client.set(keys.lock, token, nx=True, px=int(_LOCK_S * 1000))
        return token if taken else None

    async def unlock(self, keys: _Keys, token: bytes) -> None:
        """Gives a lock back that is still ours."""
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await self._unlock(keys=[keys.lock], args=[token])

    async def put(self, keys: _Keys, token: bytes, found: Versioned, run: bytes) -> bool:
        """Puts a copy, if the lock is still ours; whether it was put."""
        ttl_s = TTL_S if found.version else NOTHING_TTL_S
        args = [token, found.version, found.body or b"", run, int(ttl_s * 1000)]
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return bool(await self._put(keys=[keys.copy, keys.lock], args=args))

    async def peek(self, keys: _Keys, run: bytes, *, body: bool) -> Versioned | None:
        """What is there and can be trusted, with or without its body."""
        fields = _WHOLE if body else _WHOLE[:2]
        version, written_in, *rest = await self._peeks.join(None, (keys.copy, fields))
        if version is None or written_in != run:
            return None
        return Versioned(int(version), rest[0] if body else None)

    async def _peek(
        self, _: None, asked: Sequence[tuple[str, Sequence[str]]]
    ) -> Sequence[Sequence[bytes | None]]:
        """Fields of copies, in one round trip for all who ask in the same moment."""
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            if len(asked) == 1:
                return [await self.client.hmget(*asked[0])]
            pipeline = self.client.pipeline(transaction=False)
            for one in asked:
                pipeline.hmget(*one)
            found: Sequence[Sequence[bytes | None]] = await pipeline.execute()
        return found

    async def _deliver(self, keys: _Keys, version: int) -> None:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await self._raise(keys=[keys.copy, keys.lock], args=[version, int(TTL_S * 1000)])


class Cache:
    """Copies of one kind. `name` is the kind: it labels the metrics and is part of the keys."""

    def __init__(self, name: str, server: CacheServer) -> None:
        self._name = name
        self._server = server
        self._fills: dict[UUID, asyncio.Task[Versioned | None]] = {}
        self._hits, self._misses, self._bypasses = (
            server.metrics.requests.labels(name, result) for result in ("hit", "miss", "bypass")
        )
        self._waits = server.metrics.lock_waits.labels(name)

    async def read(self, tenant_id: UUID, known: int, load: Load) -> Versioned:
        """The newest version; at least that of every change whose floor was raised before.

        Args:
            tenant_id: whose.
            known: the version the caller has decoded; -1 for none.
            load: reads the database.

        Returns:
            The version, and its body unless it is the one known.

        Raises:
            Exception: of `load`.
        """
        keys, run = self._keys(tenant_id), self._server.trusted_run
        if run:
            try:
                found = await self._server.peek(keys, run, body=False)
                if found is not None and found.version != known:
                    found = await self._server.peek(keys, run, body=True)
            except _FAULTS as error:
                self._server.distrust(error)
            else:
                if found is not None:
                    self._hits.inc()
                    return found
                return await self._filled(tenant_id, known, load)
        self._bypasses.inc()
        return await load(known)

    async def invalidate(self, tenant_id: UUID, version: int) -> bool:
        """To be called after the commit of a change: nothing older is read from now on.

        Returns:
            False if Redis could not be told: then this process reads the database until it was.
        """
        return await self._server.raise_floor(self._keys(tenant_id), version)

    def _keys(self, tenant_id: UUID) -> _Keys:
        copy = f"maitred:cache:{{{tenant_id.hex}}}:{self._name}"
        return _Keys(copy, f"{copy}:lock")

    async def _filled(self, tenant_id: UUID, known: int, load: Load) -> Versioned:
        """What this process reads once for all who ask for it at the same time."""
        self._misses.inc()
        for _ in range(_FILLS):
            fill = self._fills.get(tenant_id)
            if fill is None:
                fill = asyncio.create_task(self._fill(tenant_id, load), name=f"fill {self._name}")
                self._fills[tenant_id] = fill
                fill.add_done_callback(lambda done: self._forget(tenant_id, done))
            found = await asyncio.shield(fill)
            if found is not None:
                return found
            if not self._server.trusted_run:
                break
        return await load(known)

    def _forget(self, tenant_id: UUID, fill: "asyncio.Task[Versioned | None]") -> None:
        del self._fills[tenant_id]
        if not fill.cancelled():
            # Those who asked may all have gone.
            fill.exception()

    async def _fill(self, tenant_id: UUID, load: Load) -> Versioned | None:
        """Reads the database and puts what it says, unless another process does.

        None where what was read may be older than a change made meanwhile, or Redis went away.
        """
        server, keys = self._server, self._keys(tenant_id)
        try:
            until = server.monotonic() + _WAIT_AT_MOST_S
            while (token := await server.take_lock(keys)) is None:
                found = await self._awaited(keys, until)
                if found is not None or server.monotonic() >= until:
                    return found
        except _FAULTS as error:
            server.distrust(error)
            return None
        try:
            return await self._put(keys, token, load)
        except BaseException:
            await self._released(keys, token)
            raise

    async def _put(self, keys: _Keys, token: bytes, load: Load) -> Versioned | None:
        # Before the database is read: what comes after is another Redis' to know.
        run = self._server.trusted_run
        try:
            # Another may have put it between our looking and our taking the lock.
            there = await self._server.peek(keys, run, body=True)
            if there is not None:
                await self._server.unlock(keys, token)
                return there
        except _FAULTS as error:
            self._server.distrust(error)
            return None
        found = await load(-1)
        try:
            return found if run and await self._server.put(keys, token, found, run) else None
        except _FAULTS as error:
            self._server.distrust(error)
            return None

    async def _released(self, keys: _Keys, token: bytes) -> None:
        try:
            await self._server.unlock(keys, token)
        except _FAULTS as error:
            self._server.distrust(error)

    async def _awaited(self, keys: _Keys, until: float) -> Versioned | None:
        """What another process puts, if it does before its lock or our patience ends."""
        self._waits.inc()
        server = self._server
        while server.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
            run = server.trusted_run
            if not run:
                return None
            if (found := await server.peek(keys, run, body=True)) is not None:
                return found
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                if not await server.client.exists(keys.lock):
                    return None
        return None


def pack(parts: Sequence[bytes]) -> bytes:
    """Some bytes as one."""
    lengths = struct.pack(f">I{len(parts)}I", len(parts), *map(len, parts))
    return b"".join((lengths, *parts))


def unpack(body: bytes) -> list[bytes]:
    """What `pack` was given."""
    (count,) = struct.unpack_from(">I", body)
    lengths = struct.unpack_from(f">{count}I", body, 4)
    parts, start = [], 4 + 4 * count
    for length in lengths:
        parts.append(body[start : start + length])
        start += length
    return parts
