"""Promotions are kept, change the next cart's price, and never that of a quote."""

import asyncio
import hashlib
import json
from uuid import UUID, uuid4

import pytest
from maitred.orders.v1 import (
    cart_service_pb2,
    order_service_pb2,
    promotion_pb2,
    promotion_service_pb2,
)

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from services.chassis.rpc.repeats import keyless
from tests.integration.orders.serving import OrdersClient, cart, lasting, menu, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, guest, metadata, with_role

DECISION, ADVICE = "dec_" + "d" * 32, "rec_" + "e" * 32


def coffee(percent: int = 10) -> promotion_pb2.Promotion:
    """So much off all coffee."""
    return promotion_pb2.Promotion(
        promotion_id="coffee",
        display_name="Coffee week",
        percentage=promotion_pb2.PercentageTerms(percent=percent),
        scope=promotion_pb2.PromotionScope(categories=["Coffee"]),
    )


def welcome(minimum: int = 0) -> promotion_pb2.Promotion:
    """A euro off for those who know the code."""
    return promotion_pb2.Promotion(
        promotion_id="welcome",
        display_name="Welcome",
        code=promotion_pb2.CodeTerms(
            code="WELCOME", amount=promotion_pb2.AmountTerms(amount_minor=100)
        ),
        minimum_subtotal_minor=minimum,
    )


def breakfast() -> promotion_pb2.Promotion:
    """A latte and a croissant for five euros."""
    items = [
        promotion_pb2.BundleItem(
            scope=promotion_pb2.PromotionScope(product_ids=[product_id]), quantity=1
        )
        for product_id in ("latte", "croissant")
    ]
    return promotion_pb2.Promotion(
        promotion_id="breakfast",
        display_name="Breakfast",
        bundle=promotion_pb2.BundleTerms(items=items, price_minor=500),
    )


async def update(
    client: OrdersClient, tenant_id: UUID, promotion: promotion_pb2.Promotion
) -> promotion_pb2.Promotion:
    response = await client.promotions.UpdatePromotion(
        promotion_service_pb2.UpdatePromotionRequest(promotion=promotion),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )
    return response.promotion


async def delete(client: OrdersClient, tenant_id: UUID, promotion_id: str) -> None:
    await client.promotions.DeletePromotion(
        promotion_service_pb2.DeletePromotionRequest(promotion_id=promotion_id),
        metadata=metadata(with_role(tenant_id, Role.MANAGER)),
    )


async def page(
    client: OrdersClient, tenant_id: UUID, size: int = 0, token: str = ""
) -> promotion_service_pb2.ListPromotionsResponse:
    return await client.promotions.ListPromotions(
        promotion_service_pb2.ListPromotionsRequest(page_size=size, page_token=token),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )


async def test_a_cart_has_what_promotions_take_off(client: OrdersClient, tenant_id: UUID) -> None:
    await client.promote(tenant_id, coffee())
    response = await client.carts.ParseCart(
        cart_service_pb2.ParseCartRequest(text="two lattes and a croissant"),
        metadata=metadata(guest(tenant_id)),
    )
    (discount,) = response.cart.discounts
    assert (discount.promotion_id, discount.amount_minor) == ("coffee", 76)
    assert (discount.line_id, discount.reason) == ("l1", "10% off 2 × Latte.")
    assert (response.cart.total_minor, response.cart.payable_minor) == (1020, 944)


async def test_a_promotion_counts_until_it_is_changed_or_deleted(
    client: OrdersClient, tenant_id: UUID, database: MigratedDatabase
) -> None:
    someone = guest(tenant_id)

    async def payable(served: OrdersClient) -> int:
        return (await served.redeem(someone, cart("latte"))).cart.payable_minor

    async with serving(database.service_url("orders")) as replica:
        assert await payable(replica) == 380
        made = await client.promote(tenant_id, coffee())
        assert (await payable(client), await payable(replica)) == (342, 342)
        changed = await update(client, tenant_id, coffee(percent=50))
        assert changed.create_time == made.create_time
        assert changed.update_time.ToDatetime() > made.update_time.ToDatetime()
        assert (await payable(client), await payable(replica)) == (190, 190)
        await delete(client, tenant_id, "coffee")
        assert (await payable(client), await payable(replica)) == (380, 380)


async def test_a_quote_keeps_the_price_of_when_it_was_made(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    await client.promote(tenant_id, coffee())
    quote = await client.quote(owner, cart("latte"))
    assert (quote.total_minor, quote.cart.payable_minor) == (342, 342)
    await delete(client, tenant_id, "coffee")
    order, _ = await client.place(owner, quote.quote_id)
    assert (order.subtotal_minor, order.total_minor) == (380, 342)
    assert list(order.discounts) == list(quote.cart.discounts)
    assert (await client.quote(owner, cart("latte"))).total_minor == 380


async def test_a_happy_hour_is_that_of_the_catalogs_clock(database: MigratedDatabase) -> None:
    async with serving(database.service_url("orders")) as client:
        tenant_id = uuid4()
        catalog = menu()
        catalog.time_zone = "Asia/Kolkata"
        await client.import_catalog(tenant_id, catalog)
        # Half past five ahead of UTC, all the year round.
        promotion = promotion_pb2.Promotion(
            promotion_id="happy",
            display_name="Happy hour",
            happy_hour=promotion_pb2.HappyHourTerms(
                percent=50, start_time="15:00", end_time="17:00"
            ),
        )
        await client.promote(tenant_id, promotion)
        owner = guest(tenant_id)
        now = client.clock()
        minutes = (9 * 60 + 35 - now.hour * 60 - now.minute) % (24 * 60)
        client.clock.advance(minutes=minutes)
        quote = await client.quote(owner, cart("latte"))
        assert quote.total_minor == 190
        client.clock.advance(hours=2)
        assert (await client.quote(owner, cart("latte"))).total_minor == 380


async def test_codes_that_bring_nothing_say_why(client: OrdersClient, tenant_id: UUID) -> None:
    someone = guest(tenant_id)
    await client.promote(tenant_id, welcome(minimum=500))
    small = await client.redeem(someone, cart("latte"), "welcome", "FRIENDS")
    assert {(one.code, one.problem) for one in small.refusals} == {
        ("welcome", cart_service_pb2.CODE_PROBLEM_CART_DOES_NOT_QUALIFY),
        ("FRIENDS", cart_service_pb2.CODE_PROBLEM_UNKNOWN),
    }
    assert list(small.cart.promotion_codes) == ["WELCOME"]
    assert small.cart.payable_minor == 380
    # The code stays in the cart, and counts once there is more in it.
    more = await client.carts.ParseCart(
        cart_service_pb2.ParseCartRequest(text="and a croissant", cart=small.cart),
        metadata=metadata(someone),
    )
    assert (more.cart.total_minor, more.cart.payable_minor) == (640, 540)
    quote = await client.quote(someone, more.cart)
    assert quote.cart == more.cart


async def test_a_quote_ignores_codes_nobody_made(client: OrdersClient, tenant_id: UUID) -> None:
    wanted = cart("latte")
    wanted.promotion_codes.append("FRIENDS")
    quote = await client.quote(guest(tenant_id), wanted)
    assert (quote.total_minor, list(quote.cart.promotion_codes)) == (380, [])


async def test_an_order_and_its_event_tell_discounts_and_advice(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    await client.promote(tenant_id, breakfast())
    await client.promote(tenant_id, welcome())
    wanted = cart("latte", "croissant")
    wanted.promotion_codes.append("WELCOME")
    quote = await client.quote(owner, wanted)
    response = await client.orders.PlaceOrder(
        order_service_pb2.PlaceOrderRequest(
            quote_id=quote.quote_id,
            request_id=uuid4().hex,
            decision_id=DECISION,
            recommendation_ids=[ADVICE],
        ),
        metadata=metadata(owner),
    )
    order = response.order
    assert (order.subtotal_minor, order.total_minor) == (640, 400)
    assert (order.decision_id, list(order.recommendation_ids)) == (DECISION, [ADVICE])
    assert lasting(await client.get(owner, order.order_id)) == lasting(order)

    payload = await sees.fetchval(
        "SELECT payload FROM events.outbox WHERE tenant_id = $1 AND type = 'maitred.order.v1'",
        tenant_id,
    )
    data = json.loads(payload)["data"]
    assert data["totals"] == {"subtotal_minor": "640", "total_minor": "400"}
    assert data["discounts"] == [
        {"promotion_id": "breakfast", "amount_minor": "140"},
        {"promotion_id": "welcome", "amount_minor": "100"},
    ]
    assert (data["decision_id"], data["recommendation_ids"]) == (DECISION, [ADVICE])

    row = await sees.fetchrow(
        "SELECT subtotal_minor, total_minor, decision_id, recommendation_ids"
        " FROM orders.orders WHERE tenant_id = $1",
        tenant_id,
    )
    assert row is not None
    assert tuple(row) == (640, 400, DECISION, [ADVICE])
    kept = await sees.fetch(
        "SELECT promotion_id, amount_minor FROM orders.order_discounts"
        " WHERE tenant_id = $1 AND order_id = $2 ORDER BY position",
        tenant_id,
        from_id("ord", order.order_id),
    )
    assert [tuple(one) for one in kept] == [("breakfast", 140), ("welcome", 100)]


async def test_advice_is_part_of_what_a_key_stands_for(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    await client.place(owner, quote.quote_id, key="once")
    again = order_service_pb2.PlaceOrderRequest(
        quote_id=quote.quote_id, request_id="once", decision_id=DECISION
    )
    refused = await failure(client.orders.PlaceOrder(again, metadata=metadata(owner)))
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


def test_keys_taken_before_there_was_advice_stand_for_the_same_requests() -> None:
    request = order_service_pb2.PlaceOrderRequest(
        quote_id="quo_" + "1" * 32, request_id="once", session_id="ses_" + "2" * 32
    )
    stored = b"\x0a\x24quo_" + b"1" * 32 + b"\x1a\x24ses_" + b"2" * 32
    assert hashlib.sha256(keyless(request)).digest() == hashlib.sha256(stored).digest()


async def test_the_release_before_can_still_place(
    client: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    order_id = uuid4()
    placed = order_service_pb2.PlaceOrderResponse().order
    placed.total_minor, placed.order_id = quote.total_minor, f"ord_{order_id.hex}"
    outcome = await sees.fetchval(
        "SELECT outcome FROM orders.place_order_v1("
        "$1, $2, 'v1', '\\x00', $3, $4, $2, NULL, $5, 'EUR', $6, now(),"
        " ARRAY['latte'], ARRAY[1], ARRAY[380::bigint], ARRAY[380::bigint],"
        " 0::smallint, $7, 'maitred.order.v1', $8, '{}')",
        *(tenant_id, owner.principal_id, order_id, from_id("quo", quote.quote_id)),
        *(quote.total_minor, placed.SerializeToString(), uuid4(), placed.order_id),
    )
    assert outcome == "placed"
    read = await client.get(owner, placed.order_id)
    assert (read.subtotal_minor, read.total_minor) == (380, 380)


async def test_promotions_are_listed_by_id_and_read_by_staff(
    client: OrdersClient, tenant_id: UUID
) -> None:
    for promotion in (welcome(), coffee(), breakfast()):
        await client.promote(tenant_id, promotion)
    first = await page(client, tenant_id, size=2)
    rest = await page(client, tenant_id, size=2, token=first.next_page_token)
    listed = [one.promotion_id for one in (*first.promotions, *rest.promotions)]
    assert (listed, rest.next_page_token) == (["breakfast", "coffee", "welcome"], "")
    read = await client.promotions.GetPromotion(
        promotion_service_pb2.GetPromotionRequest(promotion_id="coffee"),
        metadata=metadata(with_role(tenant_id, Role.STAFF)),
    )
    assert read.promotion in first.promotions


@pytest.mark.parametrize("role", [Role.GUEST, Role.STAFF])
async def test_only_managers_change_promotions(
    client: OrdersClient, tenant_id: UUID, role: Role
) -> None:
    refused = await failure(
        client.promotions.CreatePromotion(
            promotion_service_pb2.CreatePromotionRequest(promotion=coffee()),
            metadata=metadata(with_role(tenant_id, role)),
        )
    )
    assert refused.reason == "ROLE_REQUIRED"


async def test_guests_do_not_read_promotions(client: OrdersClient, tenant_id: UUID) -> None:
    listing = client.promotions.ListPromotions(
        promotion_service_pb2.ListPromotionsRequest(), metadata=metadata(guest(tenant_id))
    )
    assert (await failure(listing)).reason == "ROLE_REQUIRED"


async def test_another_tenants_promotions_are_not_there(
    client: OrdersClient, tenant_id: UUID
) -> None:
    await client.promote(tenant_id, coffee())
    stranger = await client.open_tenant()
    assert not (await page(client, stranger)).promotions
    refused = await failure(delete(client, stranger, "coffee"))
    assert (refused.reason, refused.metadata) == (
        "PROMOTION_NOT_FOUND",
        {"promotion_id": "coffee"},
    )


async def test_an_id_is_taken_once_and_a_key_answers_again(
    client: OrdersClient, tenant_id: UUID
) -> None:
    request = promotion_service_pb2.CreatePromotionRequest(promotion=coffee(), request_id="once")
    manager = metadata(with_role(tenant_id, Role.MANAGER))
    made = await asyncio.gather(
        *(client.promotions.CreatePromotion(request, metadata=manager) for _ in range(5))
    )
    assert len({one.SerializeToString(deterministic=True) for one in made}) == 1
    refused = await failure(client.promote(tenant_id, coffee()))
    assert refused.reason == "PROMOTION_EXISTS"
    refused = await failure(update(client, tenant_id, welcome()))
    assert refused.reason == "PROMOTION_NOT_FOUND"


async def test_what_the_catalog_does_not_have_cannot_be_promoted(
    client: OrdersClient, tenant_id: UUID
) -> None:
    wrong = coffee()
    wrong.scope.product_ids.append("sushi")
    wrong.start_date = "2026-02-30"
    refused = await failure(client.promote(tenant_id, wrong))
    assert refused.reason == "PROMOTION_INVALID"
    assert [one.field for one in refused.fields] == ["promotion.start_date"]
    wrong.start_date = "2026-02-28"
    refused = await failure(client.promote(tenant_id, wrong))
    assert [one.field for one in refused.fields] == ["promotion.scope.product_ids"]
    assert not (await page(client, tenant_id)).promotions


async def test_a_time_zone_nobody_has_is_refused(client: OrdersClient) -> None:
    catalog = menu()
    catalog.time_zone = "Europe/Atlantis"
    refused = await failure(client.import_catalog(uuid4(), catalog))
    assert refused.reason == "CATALOG_INVALID"


async def test_what_a_caller_claims_to_be_off_is_not_read(
    client: OrdersClient, tenant_id: UUID
) -> None:
    claimed = cart("latte")
    claimed.discounts.add(promotion_id="mine", amount_minor=379)
    claimed.payable_minor = 1
    quote = await client.quote(guest(tenant_id), claimed)
    assert (quote.total_minor, len(quote.cart.discounts)) == (380, 0)
