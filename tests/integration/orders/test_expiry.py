"""Keys past their day are deleted, others stay."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.chassis.data.postgres import Connection, Database
from services.orders.store import ExpiredKeys
from tests.support.servers import MigratedDatabase


async def put(sees: Connection, tenant_id: UUID, key: str, expire_time: datetime) -> None:
    await sees.execute(
        "INSERT INTO orders.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
        " answer, create_time, expire_time) VALUES ($1, 'gst_1', 'PlaceOrder', $2, '', '', $3, $3)",
        tenant_id,
        key,
        expire_time,
    )


async def keys(sees: Connection, tenant_id: UUID) -> set[str]:
    rows = await sees.fetch(
        "SELECT key FROM orders.idempotency_keys WHERE tenant_id = $1", tenant_id
    )
    return {row["key"] for row in rows}


async def test_expired_keys_of_served_tenants_are_deleted(
    database: MigratedDatabase, sees: Connection
) -> None:
    now = datetime.now(UTC)
    served, other = uuid4(), uuid4()
    for tenant_id in (served, other):
        for n in range(3):
            await put(sees, tenant_id, f"old{n}", now - timedelta(seconds=n))
        await put(sees, tenant_id, "fresh", now + timedelta(seconds=1))
    async with Database.connect(database.service_url("orders")) as own:
        expired = ExpiredKeys(own, lambda: now)
        expired.served(served)
        assert await expired.delete() == 3
        assert await expired.delete() == 0
    assert await keys(sees, served) == {"fresh"}
    assert len(await keys(sees, other)) == 4


async def test_a_round_deletes_more_than_one_batch(
    database: MigratedDatabase, sees: Connection
) -> None:
    now = datetime.now(UTC)
    tenant_id = uuid4()
    await sees.execute(
        "INSERT INTO orders.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
        " answer, create_time, expire_time)"
        " SELECT $1, 'gst_1', 'PlaceOrder', n::text, '', '', $2, $2"
        " FROM generate_series(1, 1100) AS n",
        tenant_id,
        now,
    )
    async with Database.connect(database.service_url("orders")) as own:
        expired = ExpiredKeys(own, lambda: now)
        expired.served(tenant_id)
        assert await expired.delete() == 1100
