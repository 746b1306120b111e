"""Row-level security holds for every table of the schema, whatever a query forgets."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from maitred.orders.v1 import (
    catalog_service_pb2,
    catalog_transfer_pb2,
    catalog_transfer_service_pb2,
    catalog_transfer_service_pb2_grpc,
    order_pb2,
    promotion_pb2,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.orders.serving import OrdersClient
from tests.support.servers import MigratedDatabase
from tests.support.services import guest, looking, metadata, with_role

TABLES = (
    "catalogs",
    "promotions",
    "promotion_versions",
    "stock",
    "stock_versions",
    "quotes",
    "orders",
    "order_lines",
    "order_discounts",
    "order_changes",
    "webhooks",
    "webhook_deliveries",
    "webhook_attempts",
    "catalog_transfers",
    "idempotency_keys",
)


@pytest_asyncio.fixture(loop_scope="module")
async def app(database: MigratedDatabase) -> AsyncIterator[Connection]:
    """A connection as the service's own role."""
    async with looking(database.service_url("orders")) as connection:
        yield connection


@pytest_asyncio.fixture(loop_scope="module")
async def filled(client: OrdersClient, app: Connection, tenant_id: UUID) -> UUID:
    """A tenant with rows in every table."""
    await client.promote(
        tenant_id,
        promotion_pb2.Promotion(
            promotion_id="all",
            display_name="Open house",
            percentage=promotion_pb2.PercentageTerms(percent=10),
        ),
    )
    await client.catalogs.SetStock(
        catalog_service_pb2.SetStockRequest(product_id="croissant", count=1),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )
    order = await client.order(guest(tenant_id))
    staff = with_role(tenant_id, Role.STAFF)
    await client.move(staff, order.order_id, order_pb2.ORDER_STATUS_ACCEPTED)
    await _ask_for_export(client, tenant_id)
    await _send_to_nobody(client, app, tenant_id)
    return tenant_id


async def _ask_for_export(client: OrdersClient, tenant_id: UUID) -> None:
    transfers = catalog_transfer_service_pb2_grpc.CatalogTransferServiceStub(client.channel)
    await transfers.ExportCatalog(
        catalog_transfer_service_pb2.ExportCatalogRequest(
            format=catalog_transfer_pb2.CATALOG_FORMAT_JSON
        ),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )


async def _send_to_nobody(client: OrdersClient, app: Connection, tenant_id: UUID) -> None:
    """A delivery, which no worker sends, and an attempt at it as one writes it."""
    manager = metadata(with_role(tenant_id, Role.MANAGER))
    webhooks = webhook_service_pb2_grpc.WebhookServiceStub(client.channel)
    made = await webhooks.CreateWebhook(
        webhook_service_pb2.CreateWebhookRequest(
            url="https://93.184.216.34/events", event_types=["maitred.order.v1"]
        ),
        metadata=manager,
    )
    sent = await webhooks.SendTestEvent(
        webhook_service_pb2.SendTestEventRequest(webhook_id=made.webhook.webhook_id),
        metadata=manager,
    )
    async with app.transaction():
        await act_for(app, tenant_id)
        await app.execute(
            "INSERT INTO orders.webhook_attempts (tenant_id, delivery_id, number, start_time,"
            " status_code, duration_ms, error, response_body, expire_time)"
            " VALUES ($1, $2, 1, now(), 200, 5, '', '', now() + interval '1 day')",
            tenant_id,
            from_id("whd", sent.delivery.delivery_id),
        )


async def act_for(app: Connection, tenant_id: UUID) -> None:
    await app.execute("SELECT set_config('maitred.tenant', $1, true)", str(tenant_id))


async def count(app: Connection, table: str) -> int:
    rows: int = await app.fetchval(f"SELECT count(*) FROM orders.{table}")
    return rows


async def test_every_table_of_tenants_is_guarded(sees: Connection) -> None:
    rows = await sees.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS is_guarded FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE nspname = 'orders' AND relkind = 'r'"
    )
    assert {row["relname"] for row in rows if not row["is_guarded"]} == set()
    assert {row["relname"] for row in rows} >= set(TABLES)


@pytest.mark.parametrize("table", TABLES)
async def test_outside_a_tenants_transaction_there_is_nothing(
    app: Connection, filled: UUID, table: str
) -> None:
    assert await count(app, table) == 0
    async with app.transaction():
        await act_for(app, filled)
        assert await count(app, table) > 0
    assert await count(app, table) == 0


@pytest.mark.parametrize("table", TABLES)
async def test_another_tenants_rows_can_be_neither_read_nor_written(
    app: Connection, filled: UUID, table: str
) -> None:
    async with app.transaction():
        await act_for(app, uuid4())
        assert await count(app, table) == 0
        assert await app.execute(f"DELETE FROM orders.{table}") == "DELETE 0"
        moved = f"UPDATE orders.{table} SET tenant_id = tenant_id WHERE tenant_id = $1"
        assert await app.execute(moved, filled) == "UPDATE 0"


async def test_a_row_cannot_be_put_into_another_tenant(app: Connection, filled: UUID) -> None:
    insert = (
        "INSERT INTO orders.catalogs (tenant_id, version, document, update_time)"
        " VALUES ($1, 1, '', now())"
    )
    acting = app.transaction()
    await acting.start()
    await act_for(app, filled)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(insert, uuid4())
    await acting.rollback()


async def test_the_service_may_only_add_to_the_outbox(app: Connection) -> None:
    for statement in (
        "SELECT count(*) FROM events.outbox",
        "DELETE FROM events.outbox",
        "SELECT count(*) FROM events.log",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
