"""Two replicas of the service on one Redis: what is changed at one holds at the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import pytest_asyncio
from maitred.orders.v1 import catalog_service_pb2, promotion_pb2

from services.chassis.data.postgres import Connection, Database
from services.chassis.rpc.identity import Role
from services.chassis.run.lifecycle import Target
from services.relay.config import RelayConfig
from services.relay.wiring import build as build_relay
from tests.integration.orders.serving import OrdersClient, cart, menu, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, guest, metadata, running, with_role


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two of them, with a relay, and the database as they see it."""

    one: OrdersClient
    other: OrdersClient
    database: Database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(database: MigratedDatabase, redis_url: str) -> AsyncIterator[Replicas]:
    url = database.service_url("orders")
    relay = RelayConfig(database_url=database.service_url("relay"), redis_url=redis_url, **SETTINGS)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(running(Target("relay", relay, build_relay)))
        yield Replicas(
            await enter(serving(url, redis_url=redis_url)),
            await enter(serving(url, redis_url=redis_url)),
            await enter(Database.connect(url, max_size=1)),
        )


async def becomes(wanted: int, ask: Callable[[], Awaitable[int]]) -> None:
    """Returns once the answer is the one wanted."""
    async with asyncio.timeout(60):
        # What another process has done is no event of ours.
        while await ask() != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def latte(client: OrdersClient, tenant_id: UUID) -> int:
    return (await client.quote(guest(tenant_id))).total_minor


async def is_had(client: OrdersClient, tenant_id: UUID) -> int:
    response = await client.catalogs.GetProduct(
        catalog_service_pb2.GetProductRequest(product_id="croissant"),
        metadata=metadata(guest(tenant_id)),
    )
    return int(response.product.available_now)


async def change_price(client: OrdersClient, tenant_id: UUID, price_minor: int) -> None:
    await client.catalogs.UpdateProduct(
        catalog_service_pb2.UpdateProductRequest(product_id="latte", price_minor=price_minor),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )


async def test_a_price_changed_at_one_is_quoted_at_the_other(replicas: Replicas) -> None:
    tenant_id = await replicas.one.open_tenant()
    for price_minor in (501, 502, 503):
        await change_price(replicas.one, tenant_id, price_minor)
        assert await latte(replicas.other, tenant_id) == price_minor
        assert await latte(replicas.one, tenant_id) == price_minor


async def test_stock_that_one_sets_the_other_sees(replicas: Replicas) -> None:
    tenant_id = await replicas.one.open_tenant()
    assert await is_had(replicas.other, tenant_id)
    for count, had in ((0, 0), (2, 1)):
        await replicas.one.catalogs.SetStock(
            catalog_service_pb2.SetStockRequest(product_id="croissant", count=count),
            metadata=metadata(with_role(tenant_id, Role.STAFF)),
        )
        assert await is_had(replicas.other, tenant_id) == had


async def test_the_last_one_ordered_is_gone_everywhere(replicas: Replicas) -> None:
    tenant_id = await replicas.one.open_tenant()
    await replicas.one.catalogs.SetStock(
        catalog_service_pb2.SetStockRequest(product_id="croissant", count=1),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )
    assert await is_had(replicas.other, tenant_id)
    owner = guest(tenant_id)
    quote = await replicas.one.quote(owner, cart("croissant"))
    await replicas.one.place(owner, quote.quote_id)
    await becomes(0, lambda: is_had(replicas.other, tenant_id))
    await becomes(0, lambda: is_had(replicas.one, tenant_id))


async def test_what_a_writer_that_died_has_changed_is_seen_by_its_event(
    replicas: Replicas,
) -> None:
    tenant_id = await replicas.one.open_tenant()
    before = await latte(replicas.other, tenant_id)
    catalog = menu()
    for product in catalog.products:
        if product.product_id == "latte":
            product.price_minor += 100
    # As it would have committed, and nothing after.
    async with replicas.database.tenant(tenant_id) as connection:
        await _replace(connection, tenant_id, catalog.SerializeToString())
    await becomes(before + 100, lambda: latte(replicas.other, tenant_id))
    await becomes(before + 100, lambda: latte(replicas.one, tenant_id))


async def test_a_promotion_made_at_one_counts_at_the_other(replicas: Replicas) -> None:
    tenant_id = await replicas.one.open_tenant()
    full = await latte(replicas.other, tenant_id)
    off = promotion_pb2.Promotion(
        promotion_id="coffee",
        display_name="Coffee week",
        percentage=promotion_pb2.PercentageTerms(percent=10),
        scope=promotion_pb2.PromotionScope(product_ids=["latte"]),
    )
    await replicas.one.promote(tenant_id, off)
    assert await latte(replicas.other, tenant_id) < full


async def _replace(connection: Connection, tenant_id: UUID, document: bytes) -> None:
    await connection.execute(
        "UPDATE orders.catalogs SET version = version + 1, document = $2 WHERE tenant_id = $1",
        tenant_id,
        document,
    )
