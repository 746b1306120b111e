"""Without its database the bandit says so, and goes on where it was when it is back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.data.migrate import SchemaMismatch
from services.chassis.data.postgres import Connection
from tests.integration.bandit.serving import BanditClient, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import eventually, failure, guest, looking


@asynccontextmanager
async def no_database(sees: Connection, own_url: str) -> AsyncIterator[None]:
    """The service has no connection, and gets none while the block lasts."""
    name = await sees.fetchval("SELECT quote_ident(current_database())")
    async with looking(own_url) as own:
        await sees.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        await own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user"
            " AND pid <> pg_backend_pid()"
        )
    try:
        yield
    finally:
        await sees.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


async def test_no_choice_is_answered_that_is_not_durable(
    client: BanditClient, database: MigratedDatabase, tenant_id: UUID, sees: Connection
) -> None:
    before = await client.rank(guest(tenant_id))
    async with no_database(sees, database.service_url("bandit")):
        problem = await failure(client.rank(guest(tenant_id)))
        assert (problem.code, problem.reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "DEPENDENCY_UNAVAILABLE",
        )
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        asked = health_pb2.HealthCheckRequest(service="maitred.bandit.v1.PolicyService")
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.SERVING
    await client.reward(tenant_id, before.decision_id, 0.5)
    await client.rank(guest(tenant_id))

    async def is_learned() -> bool:
        return any(arm.learned for arm in (await client.policy(tenant_id)).arms)

    await eventually(is_learned)


async def test_it_refuses_a_database_that_is_not_migrated(
    empty_database_url: str, redis_url: str
) -> None:
    with pytest.raises(SchemaMismatch, match="maitred migrate"):
        async with serving(empty_database_url, redis_url):
            pass


async def test_a_tenants_broken_rows_stop_nobody_else(
    database: MigratedDatabase, redis_url: str, tenant_id: UUID, sees: Connection
) -> None:
    async with serving(database.service_url("bandit"), redis_url) as client:
        broken, whole = tenant_id, uuid4()
        for tenant in (broken, whole):
            decision = await client.rank(guest(tenant))
            await client.reward(tenant, decision.decision_id, 1.0)
            await client.settled(tenant, 1)
        await sees.execute("UPDATE bandit.arms SET a = '\\x00' WHERE tenant_id = $1", broken)
        await client.reward(broken, (await client.rank(guest(broken))).decision_id, 1.0)
        # Its replicas are told to read what they cannot.
        await sees.execute(
            "UPDATE bandit.arms SET version = version + 1 WHERE tenant_id = $1", broken
        )
        await sees.execute(
            "UPDATE bandit.policies SET version = version + 1 WHERE tenant_id = $1", broken
        )
        for learned in (2, 3, 4):
            await client.reward(whole, (await client.rank(guest(whole))).decision_id, 1.0)
            await client.settled(whole, learned)
