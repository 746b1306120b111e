"""A tenant's catalog: imported whole, read, listed, searched, and linked to words."""

from uuid import UUID, uuid4

import grpc
from maitred.orders.v1 import (
    cart_pb2,
    cart_service_pb2,
    catalog_pb2,
    catalog_service_pb2,
)

from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, cart, menu
from tests.support.services import failure, guest, is_replayed, metadata, with_role


async def read(client: OrdersClient, tenant_id: UUID) -> catalog_pb2.Catalog:
    response = await client.catalogs.GetCatalog(
        catalog_service_pb2.GetCatalogRequest(), metadata=metadata(guest(tenant_id))
    )
    return response.catalog


async def search(client: OrdersClient, tenant_id: UUID, query: str, limit: int = 0) -> list[str]:
    response = await client.catalogs.SearchProducts(
        catalog_service_pb2.SearchProductsRequest(query=query, limit=limit),
        metadata=metadata(guest(tenant_id)),
    )
    return [match.product.product_id for match in response.matches]


async def parse(
    client: OrdersClient, principal: Principal, text: str, given: cart_pb2.Cart | None = None
) -> cart_service_pb2.ParseCartResponse:
    return await client.carts.ParseCart(
        cart_service_pb2.ParseCartRequest(text=text, cart=given), metadata=metadata(principal)
    )


async def test_a_catalog_reads_as_it_was_imported(client: OrdersClient) -> None:
    for name in ("coffee_bar", "pizzeria"):
        tenant_id = await client.open_tenant(name)
        assert await read(client, tenant_id) == menu(name)


async def test_a_tenant_without_a_catalog_has_an_empty_one(client: OrdersClient) -> None:
    tenant_id = uuid4()
    assert await read(client, tenant_id) == catalog_pb2.Catalog()
    assert await search(client, tenant_id, "latte") == []
    assert (await failure(client.quote(guest(tenant_id)))).reason == "CART_INVALID"
    reading = await parse(client, guest(tenant_id), "a latte please")
    assert not reading.cart.lines


async def test_an_import_replaces_everything(client: OrdersClient, tenant_id: UUID) -> None:
    assert await search(client, tenant_id, "latte")
    await client.import_catalog(tenant_id, menu("pizzeria"))
    assert await read(client, tenant_id) == menu("pizzeria")
    assert await search(client, tenant_id, "latte") == []
    assert (await search(client, tenant_id, "margarita"))[0] == "margherita"


async def test_an_import_counts_what_it_brought(client: OrdersClient) -> None:
    response = await client.catalogs.ImportProducts(
        catalog_service_pb2.ImportProductsRequest(catalog=menu()),
        metadata=metadata(with_role(uuid4(), Role.MANAGER)),
    )
    assert response.product_count == len(menu().products)
    assert response.option_group_count == len(menu().option_groups)
    assert response.add_on_count == len(menu().add_ons)
    assert response.order_choice_count == 1


async def test_a_repeated_import_changes_nothing(client: OrdersClient, tenant_id: UUID) -> None:
    manager = with_role(tenant_id, Role.MANAGER)
    request = catalog_service_pb2.ImportProductsRequest(catalog=menu("pizzeria"), request_id="k")
    await client.catalogs.ImportProducts(request, metadata=metadata(manager))
    await client.import_catalog(tenant_id, menu())
    call = client.catalogs.ImportProducts(request, metadata=metadata(manager))
    await call
    assert await is_replayed(call)
    assert await read(client, tenant_id) == menu()


async def test_a_catalog_that_contradicts_itself_is_refused_with_every_problem(
    client: OrdersClient, tenant_id: UUID
) -> None:
    broken = menu()
    broken.products[0].option_group_ids.append("nowhere")
    broken.products[1].add_on_ids.append("nothing")
    broken.products.append(broken.products[2])
    refused = await failure(client.import_catalog(tenant_id, broken))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CATALOG_INVALID")
    assert refused.metadata["problems"] == "3"
    assert len(refused.fields) == 3
    assert await read(client, tenant_id) == menu()


async def test_only_managers_import(client: OrdersClient, tenant_id: UUID) -> None:
    for principal in (guest(tenant_id), with_role(tenant_id, Role.STAFF)):
        refused = await failure(
            client.catalogs.ImportProducts(
                catalog_service_pb2.ImportProductsRequest(catalog=menu()),
                metadata=metadata(principal),
            )
        )
        assert refused.reason == "ROLE_REQUIRED"


async def test_products_are_listed_by_id_page_by_page(
    client: OrdersClient, tenant_id: UUID
) -> None:
    found: list[str] = []
    token = ""
    while True:
        page = await client.catalogs.ListProducts(
            catalog_service_pb2.ListProductsRequest(page_size=4, page_token=token),
            metadata=metadata(guest(tenant_id)),
        )
        found += [product.product_id for product in page.products]
        token = page.next_page_token
        if not token:
            break
    assert found == sorted(product.product_id for product in menu().products)


async def test_products_of_a_category_are_listed_apart(
    client: OrdersClient, tenant_id: UUID
) -> None:
    page = await client.catalogs.ListProducts(
        catalog_service_pb2.ListProductsRequest(category="Tea", page_size=2),
        metadata=metadata(guest(tenant_id)),
    )
    assert [product.category for product in page.products] == ["Tea", "Tea"]
    refused = await failure(
        client.catalogs.ListProducts(
            catalog_service_pb2.ListProductsRequest(
                category="Coffee", page_token=page.next_page_token
            ),
            metadata=metadata(guest(tenant_id)),
        )
    )
    assert refused.reason == "PAGE_TOKEN_INVALID"


async def test_a_search_forgives_spelling(client: OrdersClient, tenant_id: UUID) -> None:
    assert (await search(client, tenant_id, "capuccinno"))[0] == "cappuccino"
    assert (await search(client, tenant_id, "croisant"))[0] == "croissant"
    assert len(await search(client, tenant_id, "milk", limit=3)) == 3


async def test_words_become_a_cart_with_names_and_prices(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    reading = await parse(client, owner, "a latte with oat milk and a croissant please")
    assert [line.product_id for line in reading.cart.lines] == ["latte", "croissant"]
    oat = [o.option_name for o in reading.cart.lines[0].options if o.option_group_id == "milk"]
    assert oat == ["Oat milk"]
    assert reading.cart.total_minor == 380 + 50 + 260
    assert (await client.quote(owner, reading.cart)).total_minor == reading.cart.total_minor


async def test_words_change_the_cart_they_are_given_with(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    first = await parse(client, owner, "two lattes")
    second = await parse(client, owner, "and a croissant", first.cart)
    assert [(line.product_id, line.quantity) for line in second.cart.lines] == [
        ("latte", 2),
        ("croissant", 1),
    ]


async def test_a_cart_that_does_not_fit_cannot_be_talked_about(
    client: OrdersClient, tenant_id: UUID
) -> None:
    refused = await failure(parse(client, guest(tenant_id), "make it two", cart("unicorn")))
    assert refused.reason == "CART_INVALID"


async def test_pages_of_a_filtered_list_hold_all_that_it_asks_for_once(
    client: OrdersClient, tenant_id: UUID
) -> None:
    expected = [
        product.product_id
        for product in sorted(menu().products, key=lambda one: one.product_id)
        if not product.unavailable
        and "milk" not in {allergen.lower() for allergen in product.allergens}
    ]
    asked = catalog_service_pb2.ListProductsRequest(
        page_size=2, without_allergens=["Milk"], available_only=True
    )
    found: list[str] = []
    while True:
        page = await client.catalogs.ListProducts(asked, metadata=metadata(guest(tenant_id)))
        found += [product.product_id for product in page.products]
        if not page.next_page_token:
            break
        asked.page_token = page.next_page_token
    assert found == expected
    assert 2 < len(found) < len(menu().products)
    asked.page_token = ""
    first = await client.catalogs.ListProducts(asked, metadata=metadata(guest(tenant_id)))
    asked.page_token, asked.available_only = first.next_page_token, False
    refused = await failure(
        client.catalogs.ListProducts(asked, metadata=metadata(guest(tenant_id)))
    )
    assert refused.reason == "PAGE_TOKEN_INVALID"


async def test_search_keeps_to_what_is_asked_for(client: OrdersClient, tenant_id: UUID) -> None:
    response = await client.catalogs.SearchProducts(
        catalog_service_pb2.SearchProductsRequest(query="croissant", available_only=True),
        metadata=metadata(guest(tenant_id)),
    )
    found = {match.product.product_id for match in response.matches}
    assert "croissant" in found
    assert "almond_croissant" not in found
    assert all(match.product.available_now for match in response.matches)
