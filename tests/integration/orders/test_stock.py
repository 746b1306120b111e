"""Stock, sold-out marks, changed prices and serving hours, as staff and guests meet them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest
from maitred.orders.v1 import cart_service_pb2, catalog_pb2, catalog_service_pb2

from services.chassis.data.postgres import Connection, Database
from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, cart, menu
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, guest, is_replayed, metadata, with_role


async def set_stock(
    client: OrdersClient, who: Principal, product_id: str, count: int | None, key: str = ""
) -> catalog_service_pb2.SetStockResponse:
    return await client.catalogs.SetStock(
        catalog_service_pb2.SetStockRequest(product_id=product_id, count=count, request_id=key),
        metadata=metadata(who),
    )


async def adjust(
    client: OrdersClient, who: Principal, product_id: str, delta: int
) -> catalog_service_pb2.AdjustStockResponse:
    return await client.catalogs.AdjustStock(
        catalog_service_pb2.AdjustStockRequest(product_id=product_id, delta=delta),
        metadata=metadata(who),
    )


async def mark(
    client: OrdersClient,
    who: Principal,
    *,
    unavailable: bool,
    product_id: str = "",
    add_on_id: str = "",
) -> catalog_service_pb2.SetAvailabilityResponse:
    request = catalog_service_pb2.SetAvailabilityRequest(unavailable=unavailable)
    if product_id:
        request.product_id = product_id
    else:
        request.add_on_id = add_on_id
    return await client.catalogs.SetAvailability(request, metadata=metadata(who))


async def product(
    client: OrdersClient, tenant_id: UUID, product_id: str = "croissant"
) -> catalog_pb2.Product:
    response = await client.catalogs.GetProduct(
        catalog_service_pb2.GetProductRequest(product_id=product_id),
        metadata=metadata(guest(tenant_id)),
    )
    return response.product


async def available(client: OrdersClient, tenant_id: UUID) -> set[str]:
    response = await client.catalogs.ListProducts(
        catalog_service_pb2.ListProductsRequest(page_size=200, available_only=True),
        metadata=metadata(guest(tenant_id)),
    )
    return {one.product_id for one in response.products}


async def refusals(client: OrdersClient, tenant_id: UUID, text: str) -> list[tuple[int, str, str]]:
    response = await client.carts.ParseCart(
        cart_service_pb2.ParseCartRequest(text=text), metadata=metadata(guest(tenant_id))
    )
    return [(one.kind, one.id, one.served) for one in response.refusals]


async def test_staff_count_stock_and_everyone_sees_what_is_left(
    client: OrdersClient, tenant_id: UUID
) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    assert not (await product(client, tenant_id)).HasField("stock_count")
    assert (await set_stock(client, staff, "croissant", 3)).count == 3
    assert (await adjust(client, staff, "croissant", -2)).count == 1
    seen = await product(client, tenant_id)
    assert (seen.stock_count, seen.available_now) == (1, True)
    await adjust(client, staff, "croissant", -1)
    seen = await product(client, tenant_id)
    assert (seen.stock_count, seen.available_now, seen.unavailable) == (0, False, False)
    assert "croissant" not in await available(client, tenant_id)
    await adjust(client, staff, "croissant", 5)
    assert "croissant" in await available(client, tenant_id)
    assert not (await set_stock(client, staff, "croissant", None)).HasField("count")
    assert not (await product(client, tenant_id)).HasField("stock_count")


async def test_stock_never_goes_below_nothing(client: OrdersClient, tenant_id: UUID) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    refused = await failure(adjust(client, staff, "croissant", -1))
    assert (refused.reason, refused.metadata["product_id"]) == ("STOCK_NOT_COUNTED", "croissant")
    await set_stock(client, staff, "croissant", 2)
    refused = await failure(adjust(client, staff, "croissant", -3))
    assert (refused.reason, refused.metadata["count"]) == ("STOCK_TOO_LOW", "2")
    refused = await failure(set_stock(client, staff, "unicorn", 1))
    assert refused.reason == "PRODUCT_NOT_FOUND"


async def test_stock_never_goes_above_what_may_be_set(
    client: OrdersClient, tenant_id: UUID
) -> None:
    staff, most = with_role(tenant_id, Role.STAFF), 1_000_000_000
    await set_stock(client, staff, "croissant", most - 1)
    assert (await adjust(client, staff, "croissant", 1)).count == most
    refused = await failure(adjust(client, staff, "croissant", most))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert [problem.field for problem in refused.fields] == ["delta"]
    assert (await adjust(client, staff, "croissant", -most)).count == 0


async def test_a_repeated_adjustment_counts_once(client: OrdersClient, tenant_id: UUID) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    await set_stock(client, staff, "croissant", 10)
    request = catalog_service_pb2.AdjustStockRequest(
        product_id="croissant", delta=-4, request_id=uuid4().hex
    )
    first = await client.catalogs.AdjustStock(request, metadata=metadata(staff))
    call = client.catalogs.AdjustStock(request, metadata=metadata(staff))
    assert await call == first
    assert await is_replayed(call)
    assert (await product(client, tenant_id)).stock_count == 6


async def test_stock_is_not_for_guests_nor_prices_for_staff(
    client: OrdersClient, tenant_id: UUID
) -> None:
    assert (
        await failure(set_stock(client, guest(tenant_id), "latte", 1))
    ).reason == "ROLE_REQUIRED"
    refused = await failure(mark(client, guest(tenant_id), unavailable=True, product_id="latte"))
    assert refused.reason == "ROLE_REQUIRED"
    call = client.catalogs.UpdateProduct(
        catalog_service_pb2.UpdateProductRequest(product_id="latte", price_minor=1),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )
    assert (await failure(call)).reason == "ROLE_REQUIRED"


async def test_tenants_count_apart(client: OrdersClient, tenant_id: UUID) -> None:
    other = await client.open_tenant()
    await set_stock(client, with_role(tenant_id, Role.STAFF), "croissant", 0)
    assert (await product(client, other)).available_now


async def test_a_quote_asks_for_no_more_than_there_is(
    client: OrdersClient, tenant_id: UUID
) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    await set_stock(client, staff, "croissant", 3)
    assert (await client.quote(guest(tenant_id), cart("croissant", quantity=3))).quote_id
    two_lines = cart("croissant", "croissant", quantity=2)
    refused = await failure(client.quote(guest(tenant_id), two_lines))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "NOT_AVAILABLE"
    assert (refused.metadata["ids"], refused.metadata["remaining"]) == ("croissant", "3")
    assert "only 3 of croissant" in refused.message
    await set_stock(client, staff, "croissant", 0)
    refused = await failure(client.quote(guest(tenant_id), cart("croissant", "latte")))
    assert (refused.metadata["ids"], refused.metadata["remaining"]) == ("croissant", "0")
    assert "croissant is sold out" in refused.message


async def test_what_staff_mark_as_sold_out_is_refused_everywhere(
    client: OrdersClient, tenant_id: UUID
) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    assert (await mark(client, staff, unavailable=True, product_id="croissant")).changed
    assert not (await mark(client, staff, unavailable=True, product_id="croissant")).changed
    kind = cart_service_pb2.REFUSAL_KIND_SOLD_OUT
    assert await refusals(client, tenant_id, "a croissant please") == [(kind, "croissant", "")]
    assert "croissant" not in await available(client, tenant_id)
    refused = await failure(client.quote(guest(tenant_id), cart("croissant")))
    assert refused.reason == "NOT_AVAILABLE"
    await mark(client, staff, unavailable=False, product_id="croissant")
    assert (await client.quote(guest(tenant_id), cart("croissant"))).quote_id


async def test_options_and_add_ons_sell_out_too(client: OrdersClient, tenant_id: UUID) -> None:
    staff = with_role(tenant_id, Role.STAFF)
    catalog = menu()
    group, add_on = catalog.option_groups[0], catalog.add_ons[0]
    ref = catalog_service_pb2.OptionRef(
        option_group_id=group.option_group_id, option_id=group.options[0].option_id
    )
    await client.catalogs.SetAvailability(
        catalog_service_pb2.SetAvailabilityRequest(option=ref, unavailable=True),
        metadata=metadata(staff),
    )
    await mark(client, staff, unavailable=True, add_on_id=add_on.add_on_id)
    read = await client.catalogs.GetCatalog(
        catalog_service_pb2.GetCatalogRequest(), metadata=metadata(guest(tenant_id))
    )
    assert read.catalog.option_groups[0].options[0].unavailable
    assert read.catalog.add_ons[0].unavailable
    refused = await failure(mark(client, staff, unavailable=True, add_on_id="nothing"))
    assert (refused.reason, refused.metadata["id"]) == ("CATALOG_ITEM_NOT_FOUND", "nothing")


async def test_an_open_quote_keeps_its_price_and_a_new_one_has_the_new(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    changed = await client.catalogs.UpdateProduct(
        catalog_service_pb2.UpdateProductRequest(product_id="latte", price_minor=999),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )
    assert changed.product.price_minor == 999
    assert changed.product.name == (await product(client, tenant_id, "latte")).name
    assert (await client.quote(owner)).total_minor == 999
    order, _ = await client.place(owner, quote.quote_id)
    assert order.total_minor == quote.total_minor < 999


async def test_a_change_that_contradicts_the_catalog_is_refused(
    client: OrdersClient, tenant_id: UUID
) -> None:
    window = catalog_pb2.AvailabilityWindow(start_date="2026-02-30")
    call = client.catalogs.UpdateProduct(
        catalog_service_pb2.UpdateProductRequest(
            product_id="latte",
            availability=catalog_service_pb2.AvailabilityWindowList(values=[window]),
        ),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )
    assert (await failure(call)).reason == "CATALOG_INVALID"
    call = client.catalogs.UpdateProduct(
        catalog_service_pb2.UpdateProductRequest(product_id="unicorn", price_minor=1),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )
    assert (await failure(call)).reason == "PRODUCT_NOT_FOUND"


async def test_what_is_not_served_now_says_when_it_is(
    client: OrdersClient, tenant_id: UUID
) -> None:
    begin = datetime.now(UTC) + timedelta(hours=3)
    end = begin + timedelta(hours=1)
    window = catalog_pb2.AvailabilityWindow(start_time=f"{begin:%H:%M}", end_time=f"{end:%H:%M}")
    catalog = menu()
    catalog.time_zone = "UTC"
    catalog.categories.add(
        name=next(one.category for one in catalog.products if one.product_id == "croissant")
    ).availability.append(window)
    await client.import_catalog(tenant_id, catalog)
    hours = f"{begin:%H:%M} to {end:%H:%M}"
    kind = cart_service_pb2.REFUSAL_KIND_SOLD_OUT
    assert await refusals(client, tenant_id, "a croissant please") == [(kind, "croissant", hours)]
    refused = await failure(client.quote(guest(tenant_id), cart("croissant")))
    assert f"croissant is served {hours}" in refused.message
    served = await client.catalogs.GetCatalog(
        catalog_service_pb2.GetCatalogRequest(as_served=True), metadata=metadata(guest(tenant_id))
    )
    gone = {one.product_id for one in served.catalog.products if one.unavailable}
    assert "croissant" in gone
    assert "latte" not in gone
    client.clock.advance(hours=3, minutes=1)
    try:
        assert (await client.quote(guest(tenant_id), cart("croissant"))).quote_id
    finally:
        client.clock.advance(hours=-3, minutes=-1)


@pytest.mark.parametrize("guests", [24])
async def test_guests_who_take_at_once_never_take_more_than_there_is(
    client: OrdersClient, database: MigratedDatabase, guests: int
) -> None:
    tenant_id = await client.open_tenant()
    await set_stock(client, with_role(tenant_id, Role.STAFF), "croissant", guests // 2)
    await set_stock(client, with_role(tenant_id, Role.STAFF), "latte", guests)
    async with Database.connect(database.service_url("orders"), max_size=8) as pool:

        async def take(order: list[str]) -> bool:
            async with pool.tenant(tenant_id) as connection:
                return not await connection.fetchval(
                    "SELECT orders.take_stock_v1($1, $2, $3)", tenant_id, order, [1, 1]
                )

        orders = (["croissant", "latte"], ["latte", "croissant"])
        taken = await asyncio.gather(*(take(orders[n % 2]) for n in range(guests)))
    assert sum(taken) == guests // 2
    assert (await product(client, tenant_id)).stock_count == 0
    # What a refused one would have taken beside is still there.
    assert (await product(client, tenant_id, "latte")).stock_count == guests // 2


async def test_only_what_runs_out_or_comes_back_is_told(
    client: OrdersClient, tenant_id: UUID, database: MigratedDatabase, sees: Connection
) -> None:
    await set_stock(client, with_role(tenant_id, Role.STAFF), "croissant", 3)

    async def told() -> list[str]:
        rows = await sees.fetch(
            "SELECT convert_from(payload, 'UTF8')::json #>> '{data,kind}' AS kind"
            " FROM events.outbox WHERE tenant_id = $1 ORDER BY id",
            tenant_id,
        )
        return [row["kind"] for row in rows]

    assert await told() == ["catalog", "stock"]
    async with Database.connect(database.service_url("orders"), max_size=1) as pool:

        async def do(function: str, count: int) -> None:
            async with pool.tenant(tenant_id) as connection:
                await connection.execute(
                    f"SELECT orders.{function}($1, $2, $3)",
                    tenant_id,
                    ["croissant"],
                    [count],
                )

        await do("take_stock_v1", 2)
        await do("return_stock_v1", 1)
        assert await told() == ["catalog", "stock"]
        await do("take_stock_v1", 2)
        assert await told() == ["catalog", "stock", "stock"]
        await do("take_stock_v1", 1)
        await do("return_stock_v1", 2)
        assert await told() == ["catalog", "stock", "stock", "stock"]


async def test_a_copy_that_has_yet_to_hear_that_the_last_are_gone_offers_none(
    client: OrdersClient, tenant_id: UUID, database: MigratedDatabase
) -> None:
    await set_stock(client, with_role(tenant_id, Role.STAFF), "croissant", 2)
    sold_out = cart_service_pb2.REFUSAL_KIND_SOLD_OUT
    assert await refusals(client, tenant_id, "a croissant") == []
    async with (
        Database.connect(database.service_url("orders"), max_size=1) as ours,
        ours.tenant(tenant_id) as connection,
    ):
        # Nobody is told, as for the moment that news takes.
        await connection.execute(
            "UPDATE orders.stock SET count = 0 WHERE tenant_id = $1", tenant_id
        )
    assert await refusals(client, tenant_id, "a croissant") == [(sold_out, "croissant", "")]
