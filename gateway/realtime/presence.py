"""Who is connected to which gateway: a registry in Redis that forgets gateways that died.

Each gateway keeps, for each tenant it has somebody of, a hash of its own with a row for each
principal; the hash lasts as long as it is refreshed. A sorted set names the gateways of a tenant
by when they were last heard of. Rows are written a moment after somebody came or went, many at
once, so that coming costs no round trip.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from gateway.realtime.connections import Connections, Kind
from services.chassis.rpc.errors import unavailable
from services.chassis.rpc.identity import Role

# How long a gateway that died is believed.
LIFETIME_S = 15
_REFRESH_S = 5.0
# How long rows are gathered before they are written.
_GATHER_S = 0.05
_RETRY_S = 1.0
# How long a gateway's name is kept: by far longer than clocks differ.
_NAME_LIFETIME_S = 3600
_ENCODER = json.JSONEncoder(separators=(",", ":"))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Live:
    """A connection: how, since when, at which gateway."""

    kind: Kind
    since: datetime
    replica_id: str


@dataclass(frozen=True, slots=True)
class Present:
    """A principal with their roles and connections, oldest first."""

    principal_id: str
    roles: frozenset[Role]
    connections: Sequence[Live]

    @property
    def replica_ids(self) -> frozenset[str]:
        """The gateways they are connected to."""
        return frozenset(one.replica_id for one in self.connections)


class Presence:
    """The registry, and this gateway's part of it. `run` must be running.

    Args:
        client: Redis.
        replica_id: of this gateway.
        connections: of this gateway.
    """

    def __init__(
        self, client: redis.asyncio.Redis, replica_id: str, connections: Connections
    ) -> None:
        # The stubs type answers for every protocol and decoding at once.
        self._client: Any = client
        self._replica_id = replica_id
        self._connections = connections

    async def of(self, tenant_id: UUID, principal_id: str) -> Present:
        """Somebody's presence. Fails with UNAVAILABLE without Redis."""
        found = await self._ask(tenant_id, "hget", principal_id)
        return _present(principal_id, {key: row for key, row in found if row is not None})

    async def everyone(self, tenant_id: UUID) -> Sequence[Present]:
        """Everyone of a tenant, by principal id. Fails with UNAVAILABLE without Redis."""
        rows: dict[str, dict[str, bytes]] = {}
        for replica_id, found in await self._ask(tenant_id, "hgetall"):
            for principal, row in found.items():
                rows.setdefault(principal.decode(), {})[replica_id] = row
        return [_present(principal_id, rows[principal_id]) for principal_id in sorted(rows)]

    async def run(self) -> None:
        """Keeps this gateway's rows until cancelled; writes all anew where Redis lost them."""
        loop = asyncio.get_running_loop()
        refreshed = loop.time()
        moved: set[tuple[UUID, str]] = set()
        while True:
            moved |= await self._connections.moved(_REFRESH_S)
            await asyncio.sleep(_GATHER_S)
            moved |= await self._connections.moved(0)
            try:
                if loop.time() - refreshed >= _REFRESH_S:
                    moved |= await self._refresh()
                    refreshed = loop.time()
                await self._write(moved)
                moved.clear()
            except (RedisError, OSError) as error:
                _log.warning("presence_unavailable", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _ask(self, tenant_id: UUID, command: str, *arguments: str) -> list[tuple[str, Any]]:
        """What the hash of each gateway answers; one that died has none."""
        try:
            names = await self._client.zrange(_index(tenant_id), 0, -1)
            replica_ids = [name.decode() for name in names]
            pipeline = self._client.pipeline(transaction=False)
            for replica_id in replica_ids:
                getattr(pipeline, command)(_key(tenant_id, replica_id), *arguments)
            return list(zip(replica_ids, await pipeline.execute(), strict=True))
        except (RedisError, OSError) as error:
            raise unavailable("redis") from error

    async def _refresh(self) -> set[tuple[UUID, str]]:
        """Lets what is written last; those of whom Redis has lost the rows."""
        tenant_ids = self._connections.tenants()
        pipeline = self._client.pipeline(transaction=False)
        for tenant_id in tenant_ids:
            self._let_last(pipeline, tenant_id)
        answers = await pipeline.execute()
        per_tenant = len(answers) // len(tenant_ids) if tenant_ids else 1
        return {
            (tenant_id, principal_id)
            for tenant_id, is_there in zip(tenant_ids, answers[::per_tenant], strict=True)
            if not is_there
            for principal_id in self._connections.principals(tenant_id)
        }

    async def _write(self, moved: Iterable[tuple[UUID, str]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        tenant_ids = set()
        for tenant_id, principal_id in moved:
            tenant_ids.add(tenant_id)
            key = _key(tenant_id, self._replica_id)
            if row := self._row(tenant_id, principal_id):
                pipeline.hset(key, principal_id, row)
            else:
                pipeline.hdel(key, principal_id)
        for tenant_id in tenant_ids:
            self._let_last(pipeline, tenant_id)
        await pipeline.execute()

    def _let_last(self, pipeline: Any, tenant_id: UUID) -> None:
        """The first answer is whether the tenant's hash is there."""
        index, now = _index(tenant_id), time.time()
        pipeline.expire(_key(tenant_id, self._replica_id), LIFETIME_S)
        pipeline.zadd(index, {self._replica_id: now})
        pipeline.zremrangebyscore(index, 0, now - _NAME_LIFETIME_S)
        pipeline.expire(index, _NAME_LIFETIME_S)

    def _row(self, tenant_id: UUID, principal_id: str) -> str:
        """Roles and connections as JSON; empty for whoever is not here."""
        connections = self._connections.of(tenant_id, principal_id)
        roles = {
            str(role)
            for one in connections
            if one.caller is not None
            for role in one.caller.principal.roles
        }
        lives = [[str(one.kind), one.since.isoformat()] for one in connections]
        return _ENCODER.encode({"roles": sorted(roles), "lives": lives}) if lives else ""


def _present(principal_id: str, rows: Mapping[str, bytes]) -> Present:
    roles: set[Role] = set()
    lives = []
    for replica_id, text in rows.items():
        row = json.loads(text)
        roles.update(map(Role, row["roles"]))
        lives += [
            Live(Kind(kind), datetime.fromisoformat(since), replica_id)
            for kind, since in row["lives"]
        ]
    lives.sort(key=lambda live: live.since)
    return Present(principal_id, frozenset(roles), lives)


def _index(tenant_id: UUID) -> str:
    """Names of a tenant's gateways; the braces keep all of a tenant in one slot of a cluster."""
    return f"maitred:presence:{{{tenant_id.hex}}}"


def _key(tenant_id: UUID, replica_id: str) -> str:
    return f"{_index(tenant_id)}:{replica_id}"
