"""What has expired is deleted for every tenant that was served lately; the rest stays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.chassis.data.expiry import REMEMBERED, Expiry
from services.chassis.data.idempotency import delete_expired_keys
from services.chassis.data.postgres import Connection, Database
from tests.support.servers import MigratedDatabase

SCHEMAS = ("orders", "coordinator")
DAY = timedelta(days=1)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sees(database: MigratedDatabase) -> AsyncIterator[Connection]:
    """Looks into the database past row-level security."""
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def expiry(database: MigratedDatabase, schema: str, clock: Clock) -> AsyncIterator[Expiry]:
    """Over a service's keys, by its own role."""
    async with Database.connect(database.service_url(schema)) as own:
        yield Expiry(own, clock, (delete_expired_keys(schema),))


async def put(sees: Connection, schema: str, tenant_id: UUID, expire_time: datetime) -> None:
    await sees.execute(
        f"INSERT INTO {schema}.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
        " answer, create_time, expire_time) VALUES ($1, 'gst_1', 'Write', $2, '', '', $3, $3)",
        tenant_id,
        uuid4().hex,
        expire_time,
    )


async def count(sees: Connection, schema: str, tenant_id: UUID) -> int:
    found: int = await sees.fetchval(
        f"SELECT count(*) FROM {schema}.idempotency_keys WHERE tenant_id = $1", tenant_id
    )
    return found


async def test_expired_keys_of_served_tenants_are_deleted(
    expiry: Expiry, sees: Connection, schema: str, clock: Clock
) -> None:
    served, other = uuid4(), uuid4()
    for tenant_id in (served, other):
        for age in range(3):
            await put(sees, schema, tenant_id, clock.now - timedelta(seconds=age))
        await put(sees, schema, tenant_id, clock.now + timedelta(seconds=1))
    expiry.served(served)
    assert await expiry.delete() == 3
    assert await expiry.delete() == 0
    assert await count(sees, schema, served) == 1
    assert await count(sees, schema, other) == 4


async def test_keys_of_a_tenant_that_went_quiet_are_deleted_when_their_day_is_over(
    expiry: Expiry, sees: Connection, schema: str, clock: Clock
) -> None:
    tenant_id = uuid4()
    expiry.served(tenant_id)
    await put(sees, schema, tenant_id, clock.now + DAY)
    assert await expiry.delete() == 0
    clock.now += DAY
    assert await expiry.delete() == 1


async def test_a_tenant_that_stays_away_is_forgotten(
    expiry: Expiry, sees: Connection, schema: str, clock: Clock
) -> None:
    tenant_id = uuid4()
    expiry.served(tenant_id)
    await put(sees, schema, tenant_id, clock.now)
    clock.now += REMEMBERED + timedelta(seconds=1)
    assert await expiry.delete() == 0


async def test_a_round_deletes_more_than_one_batch(
    expiry: Expiry, sees: Connection, schema: str, clock: Clock
) -> None:
    tenant_id = uuid4()
    await sees.execute(
        f"INSERT INTO {schema}.idempotency_keys (tenant_id, principal_id, rpc, key, fingerprint,"
        " answer, create_time, expire_time)"
        " SELECT $1, 'gst_1', 'Write', n::text, '', '', $2, $2 FROM generate_series(1, 1100) AS n",
        tenant_id,
        clock.now,
    )
    expiry.served(tenant_id)
    assert await expiry.delete() == 1100


async def test_a_tenant_whose_rows_are_held_keeps_nobody_elses(
    expiry: Expiry, sees: Connection, schema: str, clock: Clock
) -> None:
    held, other = uuid4(), uuid4()
    for tenant_id in (held, other):
        await put(sees, schema, tenant_id, clock.now)
        expiry.served(tenant_id)
    async with sees.transaction():
        lock = f"SELECT 1 FROM {schema}.idempotency_keys WHERE tenant_id = $1 FOR UPDATE"
        await sees.execute(lock, held)
        assert await expiry.delete() == 1
    assert await count(sees, schema, held) == 1
    assert await expiry.delete() == 1
