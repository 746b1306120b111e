"""Orders move through their states, each change an event of its own."""

import asyncio
import json
from uuid import UUID

import grpc
import pytest
from maitred.identity.v1 import access_pb2
from maitred.orders.v1 import order_pb2, order_service_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, lasting, serving
from tests.support.servers import MigratedDatabase
from tests.support.services import failure, guest, is_replayed, metadata, with_role

ACCEPTED = order_pb2.ORDER_STATUS_ACCEPTED
PREPARING = order_pb2.ORDER_STATUS_PREPARING
READY = order_pb2.ORDER_STATUS_READY
COMPLETED = order_pb2.ORDER_STATUS_COMPLETED
CANCELLED = order_pb2.ORDER_STATUS_CANCELLED
REFUNDED = order_pb2.ORDER_STATUS_REFUNDED


@pytest.fixture
def staff(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.STAFF)


@pytest.fixture
def manager(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.MANAGER)


async def told(sees: Connection, order_id: str) -> list[tuple[str, int]]:
    """Status and version of an order's events, in the order of the outbox."""
    rows = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE aggregate_id = $1 ORDER BY id", order_id
    )
    events = [json.loads(row["payload"])["data"] for row in rows]
    return [(event["status"], int(event["version"])) for event in events]


async def test_each_change_of_status_is_one_event(
    client: OrdersClient, tenant_id: UUID, staff: Principal, sees: Connection
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    for version, status in enumerate((ACCEPTED, PREPARING, READY, COMPLETED), start=2):
        moved = await client.move(staff, order.order_id, status)
        assert (moved.status, moved.version) == (status, version)
        assert lasting(await client.get(owner, order.order_id)) == lasting(moved)
    assert await told(sees, order.order_id) == [
        ("placed", 1),
        ("accepted", 2),
        ("preparing", 3),
        ("ready", 4),
        ("completed", 5),
    ]


async def test_a_move_changes_nothing_but_where_the_order_stands(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    moved = await client.move(staff, order.order_id, ACCEPTED)
    assert moved.update_time.ToDatetime() > order.update_time.ToDatetime()
    moved.status, moved.version = order.status, order.version
    moved.update_time.CopyFrom(order.update_time)
    assert lasting(moved) == lasting(order)


async def test_an_order_cannot_skip_a_state(
    client: OrdersClient, tenant_id: UUID, staff: Principal, sees: Connection
) -> None:
    order = await client.order(guest(tenant_id))
    refused = await failure(client.move(staff, order.order_id, READY))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "TRANSITION_NOT_ALLOWED"
    assert refused.metadata == {"order_id": order.order_id, "from": "placed", "to": "ready"}
    assert await told(sees, order.order_id) == [("placed", 1)]


async def test_a_guest_may_cancel_their_own_order_while_it_is_placed(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    assert (await client.move(owner, order.order_id, CANCELLED)).status == CANCELLED
    accepted = await client.order(owner)
    await client.move(staff, accepted.order_id, ACCEPTED)
    refused = await failure(client.move(owner, accepted.order_id, CANCELLED))
    assert refused.reason == "TRANSITION_NOT_ALLOWED"


async def test_a_guest_may_make_no_other_move(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    refused = await failure(client.move(owner, order.order_id, ACCEPTED))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")


async def test_a_guest_cancels_within_the_window_and_staff_whenever(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    ends = order.cancel_expire_time.ToDatetime()
    assert (ends - order.create_time.ToDatetime()).total_seconds() == 120
    assert CANCELLED in (await client.get(owner, order.order_id)).allowed_transitions
    client.clock.advance(seconds=121)
    assert not (await client.get(owner, order.order_id)).allowed_transitions
    refused = await failure(client.move(owner, order.order_id, CANCELLED))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "CANCEL_WINDOW_OVER"
    assert refused.metadata == {
        "order_id": order.order_id,
        "cancel_expire_time": f"{ends:%Y-%m-%dT%H:%M:%S}Z",
    }
    assert (await client.move(staff, order.order_id, CANCELLED)).status == CANCELLED


async def test_without_a_window_guests_cancel_nothing(database: MigratedDatabase) -> None:
    async with serving(database.service_url("orders"), cancel_window_s=0) as client:
        owner = guest(await client.open_tenant())
        order = await client.order(owner)
        assert not order.HasField("cancel_expire_time")
        refused = await failure(client.move(owner, order.order_id, CANCELLED))
    assert refused.reason == "CANCEL_WINDOW_OVER"


async def test_what_is_ready_a_manager_cancels(
    client: OrdersClient, tenant_id: UUID, staff: Principal, manager: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    for status in (ACCEPTED, PREPARING, READY):
        await client.move(staff, order.order_id, status)
    refused = await failure(client.move(staff, order.order_id, CANCELLED))
    assert (refused.reason, refused.metadata) == ("ROLE_REQUIRED", {"roles": "admin,manager"})
    moved = await client.move(manager, order.order_id, CANCELLED)
    assert list(moved.allowed_transitions) == [REFUNDED]


async def test_a_manager_refunds_what_is_over_and_says_why(
    client: OrdersClient, tenant_id: UUID, staff: Principal, manager: Principal, sees: Connection
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    too_early = await failure(client.move(manager, order.order_id, REFUNDED, reason="cold"))
    assert too_early.reason == "TRANSITION_NOT_ALLOWED"
    await client.move(owner, order.order_id, CANCELLED)
    silent = await failure(client.move(manager, order.order_id, REFUNDED))
    assert silent.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [problem.field for problem in silent.fields] == ["reason"]
    refused = await failure(client.move(staff, order.order_id, REFUNDED, reason="cold"))
    assert refused.reason == "ROLE_REQUIRED"
    moved = await client.move(manager, order.order_id, REFUNDED, reason="cold, anna@example.com")
    assert (moved.status, moved.version) == (REFUNDED, 3)
    assert not moved.allowed_transitions
    assert (await client.get(owner, order.order_id)).history[-1].reason == "cold, [mail]"
    assert await told(sees, order.order_id) == [("placed", 1), ("cancelled", 2), ("refunded", 3)]
    payloads = await sees.fetch(
        "SELECT payload FROM events.outbox WHERE aggregate_id = $1", order.order_id
    )
    assert not any(b"cold" in row["payload"] for row in payloads)


async def test_an_order_tells_how_it_came_to_stand_where_it_does(
    client: OrdersClient, tenant_id: UUID, staff: Principal, manager: Principal
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    await client.move(staff, order.order_id, ACCEPTED)
    await client.move(manager, order.order_id, CANCELLED, reason="out of milk")
    for viewer in (owner, staff):
        history = (await client.get(viewer, order.order_id)).history
        assert [(one.status, one.role, one.reason, one.version) for one in history] == [
            (order_pb2.ORDER_STATUS_PLACED, access_pb2.ROLE_GUEST, "", 1),
            (ACCEPTED, access_pb2.ROLE_STAFF, "", 2),
            (CANCELLED, access_pb2.ROLE_MANAGER, "out of milk", 3),
        ]
        actors = [owner.principal_id, staff.principal_id, manager.principal_id]
        assert [one.actor_id for one in history] == (actors if viewer is staff else [""] * 3)
    listed = (await client.page(owner)).orders[0]
    assert not listed.history


async def test_whoever_places_an_order_is_named_to_all_but_guests(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    placed, _ = await client.place(staff, quote.quote_id)
    told, _ = await client.place(owner, quote.quote_id)
    read = [(await client.get(viewer, placed.order_id)).history for viewer in (staff, owner)]
    for history, actor_id in [
        (placed.history, staff.principal_id),
        (told.history, ""),
        (read[0], staff.principal_id),
        (read[1], ""),
    ]:
        assert [(one.role, one.actor_id) for one in history] == [(access_pb2.ROLE_STAFF, actor_id)]


async def test_a_guest_who_placed_an_order_is_named_where_that_was_not_kept(
    client: OrdersClient, tenant_id: UUID, staff: Principal, sees: Connection
) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    kept = order_pb2.Order.FromString(
        await sees.fetchval("SELECT placed FROM orders.orders WHERE tenant_id = $1", tenant_id)
    )
    kept.history[0].ClearField("actor_id")
    await sees.execute(
        "UPDATE orders.orders SET placed = $2 WHERE tenant_id = $1",
        tenant_id,
        kept.SerializeToString(),
    )
    [placed] = (await client.get(staff, order.order_id)).history
    assert (placed.role, placed.actor_id) == (access_pb2.ROLE_GUEST, owner.principal_id)


async def test_somebody_elses_order_cannot_be_moved(client: OrdersClient, tenant_id: UUID) -> None:
    order = await client.order(guest(tenant_id))
    elsewhere = with_role(await client.open_tenant(), Role.STAFF)
    for other in (guest(tenant_id), elsewhere):
        refused = await failure(client.move(other, order.order_id, CANCELLED))
        assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")


async def test_a_move_from_a_version_that_has_passed_is_refused(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    await client.move(staff, order.order_id, ACCEPTED, version=1)
    refused = await failure(client.move(staff, order.order_id, PREPARING, version=1))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    assert (refused.metadata["expected"], refused.metadata["actual"]) == ("1", "2")


async def test_of_two_who_move_at_once_one_does(
    client: OrdersClient, tenant_id: UUID, staff: Principal, sees: Connection
) -> None:
    order = await client.order(guest(tenant_id))
    results = await asyncio.gather(
        *[client.move(staff, order.order_id, ACCEPTED, version=1) for _ in range(20)],
        return_exceptions=True,
    )
    assert sum(isinstance(result, order_pb2.Order) for result in results) == 1
    assert await told(sees, order.order_id) == [("placed", 1), ("accepted", 2)]


async def test_a_replayed_move_answers_as_it_did(
    client: OrdersClient, tenant_id: UUID, staff: Principal, sees: Connection
) -> None:
    order = await client.order(guest(tenant_id))
    request = order_service_pb2.TransitionOrderRequest(
        order_id=order.order_id, status=ACCEPTED, request_id="k"
    )
    answers = []
    for _ in range(2):
        call = client.orders.TransitionOrder(request, metadata=metadata(staff))
        answers.append(((await call).order, await is_replayed(call)))
        if len(answers) == 1:
            await client.move(staff, order.order_id, PREPARING)
    assert [replayed for _, replayed in answers] == [False, True]
    assert answers[0][0] == answers[1][0]
    assert len(await told(sees, order.order_id)) == 3


async def test_a_moves_key_with_another_body_is_refused(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    await client.move(staff, order.order_id, ACCEPTED, request_id="k")
    refused = await failure(client.move(staff, order.order_id, PREPARING, request_id="k"))
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_refused_move_leaves_its_key_free(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    await failure(client.move(staff, order.order_id, READY, request_id="k"))
    moved = await client.move(staff, order.order_id, ACCEPTED, request_id="k")
    assert moved.status == ACCEPTED


async def test_a_reason_that_no_text_can_be_is_the_callers_mistake(
    client: OrdersClient, tenant_id: UUID, staff: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    refused = await failure(client.move(staff, order.order_id, CANCELLED, reason="a\0b"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert (await client.get(staff, order.order_id)).status == order.status
