"""Tenants and API keys in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg

from gateway.identity.model import ApiKey, Tenant
from services.chassis.data.outbox import OutboxEvent, append
from services.chassis.data.postgres import Database, Queries
from services.chassis.rpc.identity import Role

_SQL = Queries.load(__package__)


class IdentityStore:
    """Schema `identity`; every statement works inside the transaction of one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_tenant(self, tenant: Tenant, event: OutboxEvent) -> bool:
        """Adds a tenant and the event that tells of it; False if its slug is taken."""
        async with self._database.tenant(tenant.tenant_id) as connection:
            added = await connection.fetchval(
                _SQL.add_tenant,
                tenant.tenant_id,
                tenant.slug,
                tenant.display_name,
                tenant.requests_per_minute,
                tenant.create_time,
                tenant.time_zone,
            )
            if added is not None:
                await append(connection, event)
        return added is not None

    async def update_tenant(
        self,
        tenant_id: UUID,
        display_name: str | None,
        time_zone: str | None,
        told: Callable[[Tenant], OutboxEvent],
    ) -> Tenant | None:
        """Changes what is not None, and tells of it; None if there is no such tenant."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_SQL.update_tenant, tenant_id, display_name, time_zone)
            if row is None:
                return None
            tenant = _tenant(row)
            await append(connection, told(tenant))
        return tenant

    async def tenant(self, tenant_id: UUID) -> Tenant | None:
        """The tenant of an id."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_SQL.get_tenant, tenant_id)
        return _tenant(row) if row else None

    async def tenant_by_slug(self, slug: str) -> Tenant | None:
        """The tenant of a slug."""
        async with self._database.transaction() as connection:
            tenant_id: UUID | None = await connection.fetchval(_SQL.find_tenant, slug)
        return await self.tenant(tenant_id) if tenant_id else None

    async def tenants(self, after: str, most: int) -> list[Tenant]:
        """Tenants by slug, beginning after a slug."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL.list_tenants, after, most)
        return [_tenant(row) for row in rows]

    async def add_api_key(self, key: ApiKey) -> None:
        """Adds a key."""
        async with self._database.tenant(key.tenant_id) as connection:
            await connection.execute(
                _SQL.add_api_key,
                key.tenant_id,
                key.api_key_id,
                key.digest,
                key.display_name,
                sorted(key.roles),
                key.requests_per_minute,
                key.create_time,
                key.expire_time,
            )

    async def api_keys(self, tenant_id: UUID, before: UUID | None, most: int) -> list[ApiKey]:
        """A tenant's keys, newest first, beginning before a key."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_SQL.list_api_keys, tenant_id, before, most)
        return [_api_key(row) for row in rows]

    async def revoke_api_key(
        self, tenant_id: UUID, api_key_id: UUID, now: datetime
    ) -> ApiKey | None:
        """Revokes a key, if there is such a one, and returns it as it stands."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_SQL.revoke_api_key, tenant_id, api_key_id, now)
        return _api_key(row) if row else None

    async def use_api_key(self, tenant_id: UUID, api_key_id: UUID, now: datetime) -> ApiKey | None:
        """A key about to be used; notes the minute in which it was."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_SQL.get_api_key, tenant_id, api_key_id)
            if row is None:
                return None
            minute = now.replace(second=0, microsecond=0)
            if row["last_used_time"] is None or row["last_used_time"] < minute:
                await connection.execute(_SQL.touch_api_key, tenant_id, api_key_id, minute)
        return _api_key(row)


def _tenant(row: asyncpg.Record) -> Tenant:
    return Tenant(
        tenant_id=row["tenant_id"],
        slug=row["slug"],
        display_name=row["display_name"],
        requests_per_minute=row["requests_per_minute"],
        create_time=row["create_time"],
        time_zone=row["time_zone"],
    )


def _api_key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        tenant_id=row["tenant_id"],
        api_key_id=row["api_key_id"],
        digest=row["digest"],
        display_name=row["display_name"],
        roles=frozenset(Role(role) for role in row["roles"]),
        requests_per_minute=row["requests_per_minute"],
        create_time=row["create_time"],
        expire_time=row["expire_time"],
        last_used_time=row["last_used_time"],
        revoke_time=row["revoke_time"],
    )
