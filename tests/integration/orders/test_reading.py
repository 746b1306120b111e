"""Orders are read by those they belong to, page by page."""

from uuid import UUID

import grpc
import pytest
from maitred.orders.v1 import order_pb2, quote_service_pb2

from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, lasting
from tests.support.services import failure, guest, metadata, with_role


@pytest.fixture
def staff(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.STAFF)


async def all_pages(client: OrdersClient, principal: Principal, **arguments: object) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        page = await client.page(principal, page_token=token, **arguments)
        found += [order.order_id for order in page.orders]
        token = page.next_page_token
        if not token:
            return found


async def test_an_order_that_names_a_strangers_conversation_is_shown_to_its_guest_and_staff(
    client: OrdersClient, tenant_id: UUID
) -> None:
    session_id, one, stranger = "ses_" + "7" * 32, guest(tenant_id), guest(tenant_id)
    mine, theirs = await client.quote(one), await client.quote(stranger)
    order, _ = await client.place(one, mine.quote_id, session_id=session_id)
    other, _ = await client.place(stranger, theirs.quote_id, session_id=session_id)
    viewers = one, stranger, with_role(tenant_id, Role.STAFF)
    assert [await all_pages(client, viewer, session_id=session_id) for viewer in viewers] == [
        [order.order_id],
        [other.order_id],
        [other.order_id, order.order_id],
    ]


async def test_pages_hold_every_order_once_newest_first(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    placed = [(await client.order(guest(tenant_id))).order_id for _ in range(7)]
    assert await all_pages(client, staff, page_size=3) == sorted(placed, reverse=True)
    assert await all_pages(client, staff, page_size=7) == sorted(placed, reverse=True)
    assert await all_pages(client, staff) == sorted(placed, reverse=True)


async def test_orders_placed_meanwhile_do_not_move_the_pages(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    placed = [(await client.order(owner)).order_id for _ in range(4)]
    first = await client.page(staff, page_size=2)
    await client.order(owner)
    second = await client.page(staff, page_size=2, page_token=first.next_page_token)
    assert [o.order_id for o in (*first.orders, *second.orders)] == sorted(placed, reverse=True)


async def test_a_guest_sees_their_own_orders_only(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    one, other = guest(tenant_id), guest(tenant_id)
    ones, others = await client.order(one), await client.order(other)
    assert await all_pages(client, one) == [ones.order_id]
    assert await all_pages(client, other) == [others.order_id]
    assert set(await all_pages(client, staff)) == {ones.order_id, others.order_id}
    refused = await failure(client.get(one, others.order_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    assert lasting(await client.get(staff, others.order_id)) == lasting(others)


async def test_a_guest_who_is_staff_too_sees_all(client: OrdersClient, tenant_id: UUID) -> None:
    order = await client.order(guest(tenant_id))
    both = with_role(tenant_id, Role.GUEST, Role.STAFF)
    assert await all_pages(client, both) == [order.order_id]


async def test_a_tenant_sees_nothing_of_another(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    quote = await client.quote(owner)
    neighbour = with_role(await client.open_tenant(), Role.MANAGER)
    assert await all_pages(client, neighbour) == []
    assert (await failure(client.get(neighbour, order.order_id))).reason == "ORDER_NOT_FOUND"
    refused = await failure(
        client.quotes.GetQuote(
            quote_service_pb2.GetQuoteRequest(quote_id=quote.quote_id),
            metadata=metadata(neighbour),
        )
    )
    assert refused.reason == "QUOTE_NOT_FOUND"


async def test_a_list_can_be_of_one_state(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    orders = [await client.order(guest(tenant_id)) for _ in range(3)]
    await client.move(staff, orders[1].order_id, order_pb2.ORDER_STATUS_ACCEPTED)
    accepted = await all_pages(client, staff, status=order_pb2.ORDER_STATUS_ACCEPTED)
    assert accepted == [orders[1].order_id]
    placed = await all_pages(client, staff, status=order_pb2.ORDER_STATUS_PLACED, page_size=1)
    assert placed == [orders[2].order_id, orders[0].order_id]


async def test_a_list_can_be_of_one_conversation(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    session_id = "ses_" + "b" * 32
    quote = await client.quote(owner)
    order, _ = await client.place(owner, quote.quote_id, session_id=session_id)
    await client.order(owner)
    assert await all_pages(client, owner, session_id=session_id) == [order.order_id]
    assert await all_pages(client, staff, session_id="ses_" + "c" * 32) == []


async def test_a_page_token_is_good_for_its_own_list_only(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    for _ in range(3):
        await client.order(owner)
    token = (await client.page(staff, page_size=1)).next_page_token
    changed = (
        client.page(staff, page_token=token, status=order_pb2.ORDER_STATUS_PLACED),
        client.page(staff, page_token=token, session_id="ses_" + "d" * 32),
        client.page(owner, page_token=token),
        client.page(staff, page_token=token[:-2] + "AA"),
        client.page(staff, page_token="nonsense"),
    )
    for answer in changed:
        refused = await failure(answer)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.reason == "PAGE_TOKEN_INVALID"


async def test_a_negative_page_size_is_refused(client: OrdersClient, staff: Principal) -> None:
    refused = await failure(client.page(staff, page_size=-1))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_a_page_may_be_larger_than_asked_for_at_most(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    page = await client.page(staff, page_size=100_000)
    assert [found.order_id for found in page.orders] == [order.order_id]
    assert page.next_page_token == ""
