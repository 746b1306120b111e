"""Quotes nobody ordered are deleted a day after they ran out, others stay."""

from datetime import timedelta
from uuid import UUID, uuid4

from services.chassis.data.expiry import Expiry
from services.chassis.data.postgres import Connection, Database
from services.orders.quotes.store import DELETE_EXPIRED
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import guest


async def quotes(sees: Connection, tenant_id: UUID) -> int:
    found: int = await sees.fetchval(
        "SELECT count(*) FROM orders.quotes WHERE tenant_id = $1", tenant_id
    )
    return found


async def test_quotes_that_were_never_ordered_are_deleted_a_day_after_they_ran_out(
    database: MigratedDatabase, client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    ordered = await client.quote(owner)
    await client.place(owner, ordered.quote_id, uuid4().hex)
    forgotten = await client.quote(owner)
    neighbour = await client.open_tenant()
    await client.quote(guest(neighbour))
    ran_out = forgotten.expire_time.ToDatetime(tzinfo=client.clock().tzinfo)
    now = ran_out + timedelta(days=1, seconds=-1)
    async with Database.connect(database.service_url("orders")) as own:
        expiry = Expiry(own, lambda: now, (DELETE_EXPIRED,))
        expiry.served(tenant_id)
        assert await expiry.delete() == 0
        now += timedelta(seconds=1)
        assert await expiry.delete() == 1
    assert await quotes(sees, tenant_id) == 1
    assert await quotes(sees, neighbour) == 1
    assert await client.place(owner, ordered.quote_id, uuid4().hex) is not None
