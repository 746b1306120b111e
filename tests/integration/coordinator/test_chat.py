"""A guest talks and an order comes of it; nothing else does."""

from uuid import UUID

import grpc
import pytest
from maitred.coordinator.v1 import turn_pb2

from tests.integration.coordinator.serving import CoordinatorClient, Guest
from tests.integration.orders.serving import OrdersClient, menu
from tests.support.services import failure

ORDERING = "A large latte with oat milk and a croissant, please"
YES = "Yes, that's right"


async def orders_of(orders: OrdersClient, guest: Guest) -> int:
    return len((await orders.page(guest.principal)).orders)


async def test_a_talk_ends_in_the_guests_order(guest: Guest, orders: OrdersClient) -> None:
    answer = await guest.says(ORDERING)
    assert answer.kinds == ["tool_call", "cart", "token", "usage", "done"]
    assert [line.product_id for line in answer.turn.cart.lines] == ["latte", "croissant"]
    approved = await guest.says(YES)
    assert approved.kinds == ["tool_call", "cart", "order", "token", "usage", "done"]
    order = await orders.get(guest.principal, approved.order_id)
    assert list(order.lines) == list(answer.turn.cart.lines)
    assert order.session_id == guest.session_id
    assert order.principal_id == guest.principal.principal_id


async def test_a_turn_is_stored_as_it_was_streamed(guest: Guest) -> None:
    answer = await guest.says(ORDERING, "first")
    stored = await guest.turn("first")
    assert stored == answer.turn
    assert (stored.text, stored.user_text) == (answer.text, ORDERING)
    assert stored.state == turn_pb2.TURN_STATE_FINISHED
    assert stored.usage.total_tokens > 0
    assert stored.usage.model == "maitred-local"
    assert (await guest.session()).cart == stored.cart


async def test_a_placed_order_leaves_an_empty_cart(guest: Guest, orders: OrdersClient) -> None:
    await guest.says(ORDERING)
    await guest.says(YES)
    assert not (await guest.session()).cart.lines
    assert not (await guest.says("yes")).order_id
    assert await orders_of(orders, guest) == 1


@pytest.mark.parametrize(
    "reply",
    ["no", "thanks", "hmm", "wait", "is it hot?", "yes, but with soy milk", "yes and add a muffin"],
)
async def test_without_an_explicit_yes_nothing_is_ordered(
    guest: Guest, orders: OrdersClient, reply: str
) -> None:
    await guest.says(ORDERING)
    assert not (await guest.says(reply)).order_id
    assert await orders_of(orders, guest) == 0


async def test_a_yes_that_orders_more_is_asked_again_with_all_of_it(guest: Guest) -> None:
    await guest.says(ORDERING)
    asked = await guest.says("yes and an espresso")
    assert not asked.order_id
    order = (await guest.says(YES)).turn.order
    assert [line.product_id for line in order.lines] == ["latte", "croissant", "espresso"]


async def test_a_yes_to_anything_but_the_read_back_orders_nothing(
    guest: Guest, orders: OrdersClient
) -> None:
    await guest.says(ORDERING)
    asked = await guest.says("no")
    assert "latte" not in asked.text.lower()
    assert not (await guest.says("yes")).order_id
    assert await orders_of(orders, guest) == 0


async def test_a_changed_cart_needs_a_yes_of_its_own(guest: Guest) -> None:
    await guest.says(ORDERING)
    changed = await guest.says("make that decaf")
    assert not changed.order_id
    assert "decaf" in changed.text.lower()
    order = (await guest.says(YES)).turn.order
    assert "decaf" in {option.option_id for option in order.lines[0].options}


async def test_what_sold_out_meanwhile_is_told_and_the_rest_read_back(
    guest: Guest, orders: OrdersClient, tenant_id: UUID
) -> None:
    await guest.says(ORDERING)
    catalog = menu()
    next(p for p in catalog.products if p.product_id == "croissant").unavailable = True
    await orders.import_catalog(tenant_id, catalog)
    told = await guest.says(YES)
    assert not told.order_id
    assert "croissant" in told.text.lower()
    assert [line.product_id for line in told.turn.cart.lines] == ["latte"]
    order = (await guest.says(YES)).turn.order
    assert [line.product_id for line in order.lines] == ["latte"]


async def test_another_price_needs_another_yes(
    guest: Guest, orders: OrdersClient, tenant_id: UUID
) -> None:
    before = (await guest.says(ORDERING)).turn.cart.total_minor
    catalog = menu()
    next(p for p in catalog.products if p.product_id == "croissant").price_minor += 100
    await orders.import_catalog(tenant_id, catalog)
    told = await guest.says(YES)
    assert not told.order_id
    assert told.turn.cart.total_minor == before + 100
    assert (await guest.says(YES)).turn.order.total_minor == before + 100


async def test_turns_are_listed_oldest_first_in_pages(guest: Guest) -> None:
    said = ["hello", ORDERING, "make that decaf", YES, "thanks"]
    for text in said:
        await guest.says(text)
    listed, token = [], ""
    while True:
        page = await guest.turns(2, token)
        listed += [turn.user_text for turn in page.turns]
        assert len(page.turns) <= 2
        token = page.next_page_token
        if not token:
            break
    assert listed == said


async def test_a_page_token_of_another_session_is_refused(
    guest: Guest, coordinator: CoordinatorClient, tenant_id: UUID
) -> None:
    for text in ("hello", "hi", "hey"):
        await guest.says(text)
    token = (await guest.turns(1)).next_page_token
    other = coordinator.guest(tenant_id)
    await other.arrive()
    refused = await failure(other.turns(1, token))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "PAGE_TOKEN_INVALID",
    )


async def test_nobody_sees_the_conversation_of_another(
    guest: Guest, coordinator: CoordinatorClient, tenant_id: UUID, orders: OrdersClient
) -> None:
    await guest.says(ORDERING, "mine")
    strangers = [
        coordinator.guest(tenant_id),
        coordinator.guest(await orders.open_tenant()),
    ]
    for stranger in strangers:
        stranger.session_id = guest.session_id
        for answer in (
            stranger.says(YES),
            stranger.says(ORDERING, "mine"),
            stranger.session(),
            stranger.turn("mine"),
            stranger.turns(),
        ):
            refused = await failure(answer)
            assert (refused.code, refused.reason) == (
                grpc.StatusCode.NOT_FOUND,
                "SESSION_NOT_FOUND",
            )
    assert [turn.user_text for turn in (await guest.turns()).turns] == [ORDERING]


async def test_an_unknown_turn_is_not_found(guest: Guest) -> None:
    refused = await failure(guest.turn("never"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "TURN_NOT_FOUND")
