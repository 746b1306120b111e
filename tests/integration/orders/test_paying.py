"""Where a payment provider attaches: a payment is recorded once and told once."""

import asyncio
import json
from typing import Any
from uuid import UUID

import grpc
import protovalidate
import pytest
from google.protobuf import json_format
from maitred.events.v1 import payment_event_pb2
from maitred.orders.v1 import order_pb2, order_service_pb2

from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, lasting
from tests.support.services import failure, guest, is_replayed, metadata, with_role


@pytest.fixture
def provider(tenant_id: UUID) -> Principal:
    return with_role(tenant_id, Role.SERVICE)


async def pay(
    client: OrdersClient,
    principal: Principal,
    order: order_pb2.Order,
    reference: str,
    **other: Any,
) -> tuple[order_pb2.Order, bool]:
    """The order with its payment, and whether the answer was given before."""
    request = order_service_pb2.RecordPaymentRequest(
        order_id=order.order_id,
        payment_reference=reference,
        amount_minor=order.total_minor,
        currency_code=order.currency_code,
    )
    request.MergeFrom(order_service_pb2.RecordPaymentRequest(**other))
    call = client.orders.RecordPayment(request, metadata=metadata(principal))
    return (await call).order, await is_replayed(call)


async def told(sees: Connection, order_id: str) -> list[payment_event_pb2.PaymentV1]:
    """The events of an order's payment, in the order of the outbox."""
    rows = await sees.fetch(
        "SELECT payload, principal_id FROM events.outbox"
        " WHERE aggregate_id = $1 AND type = 'maitred.payment.v1' ORDER BY id",
        order_id,
    )
    events = [
        json_format.ParseDict(json.loads(row["payload"])["data"], payment_event_pb2.PaymentV1())
        for row in rows
    ]
    for event, row in zip(events, rows, strict=True):
        protovalidate.validate(event)
        assert row["principal_id"] == event.principal_id
    return events


async def test_a_payment_is_recorded_with_the_order_and_told(
    client: OrdersClient, tenant_id: UUID, provider: Principal, sees: Connection
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    order, _ = await client.place(owner, quote.quote_id, payment_reference="pi_expected")
    assert order.payment_reference == "pi_expected"
    assert not order.HasField("payment")
    paid, _ = await pay(client, provider, order, "pi_1")
    assert (paid.payment.payment_reference, paid.payment.amount_minor) == ("pi_1", 380)
    assert (paid.status, paid.version) == (order.status, order.version)
    assert lasting(await client.get(owner, order.order_id)) == lasting(paid)
    assert (await client.page(owner)).orders[0].payment == paid.payment
    (event,) = await told(sees, order.order_id)
    assert event == payment_event_pb2.PaymentV1(
        tenant_id=str(tenant_id),
        principal_id=owner.principal_id,
        order_id=order.order_id,
        kind="paid",
        payment_reference="pi_1",
        amount_minor=380,
        currency="EUR",
    )


async def test_a_payment_told_again_is_recorded_once(
    client: OrdersClient, tenant_id: UUID, provider: Principal, sees: Connection
) -> None:
    order = await client.order(guest(tenant_id))
    answers = await asyncio.gather(*[pay(client, provider, order, "pi_2") for _ in range(20)])
    assert len({lasting(paid).SerializeToString(deterministic=True) for paid, _ in answers}) == 1
    first, _ = await pay(client, provider, order, "pi_2", request_id="k")
    assert await pay(client, provider, order, "pi_2", request_id="k") == (first, True)
    assert len(await told(sees, order.order_id)) == 1


async def test_another_payment_of_the_same_order_is_refused(
    client: OrdersClient, tenant_id: UUID, provider: Principal
) -> None:
    order = await client.order(guest(tenant_id))
    await pay(client, provider, order, "pi_3")
    refused = await failure(pay(client, provider, order, "pi_4"))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "ORDER_ALREADY_PAID"
    assert refused.metadata == {"order_id": order.order_id, "payment_reference": "pi_3"}


async def test_a_payment_of_another_order_is_refused(
    client: OrdersClient, tenant_id: UUID, provider: Principal, sees: Connection
) -> None:
    orders = [await client.order(guest(tenant_id)) for _ in range(2)]
    await pay(client, provider, orders[0], "pi_5")
    refused = await failure(pay(client, provider, orders[1], "pi_5"))
    assert (refused.reason, refused.metadata) == (
        "PAYMENT_REFERENCE_USED",
        {"payment_reference": "pi_5"},
    )
    assert await told(sees, orders[1].order_id) == []
    elsewhere = await client.open_tenant()
    other = await client.order(guest(elsewhere))
    await pay(client, with_role(elsewhere, Role.MANAGER), other, "pi_5")


@pytest.mark.parametrize("wrong", [{"amount_minor": 379}, {"currency_code": "USD"}], ids=str)
async def test_what_is_not_what_the_guest_pays_is_refused(
    client: OrdersClient,
    tenant_id: UUID,
    provider: Principal,
    sees: Connection,
    wrong: dict[str, Any],
) -> None:
    order = await client.order(guest(tenant_id))
    refused = await failure(pay(client, provider, order, "pi_6", **wrong))
    assert refused.reason == "PAYMENT_MISMATCH"
    assert refused.metadata["total_minor"] == "380"
    assert await told(sees, order.order_id) == []


async def test_guests_and_staff_record_no_payments(client: OrdersClient, tenant_id: UUID) -> None:
    owner = guest(tenant_id)
    order = await client.order(owner)
    for caller in (owner, with_role(tenant_id, Role.STAFF)):
        refused = await failure(pay(client, caller, order, "pi_7"))
        assert refused.reason == "ROLE_REQUIRED"
    elsewhere = with_role(await client.open_tenant(), Role.SERVICE)
    assert (await failure(pay(client, elsewhere, order, "pi_7"))).reason == "ORDER_NOT_FOUND"


async def test_a_refund_is_told_to_the_provider_if_there_was_a_payment(
    client: OrdersClient, tenant_id: UUID, provider: Principal, sees: Connection
) -> None:
    manager = with_role(tenant_id, Role.MANAGER)
    paid, unpaid = [await client.order(guest(tenant_id)) for _ in range(2)]
    await pay(client, provider, paid, "pi_8")
    for order in (paid, unpaid):
        await client.move(manager, order.order_id, order_pb2.ORDER_STATUS_CANCELLED)
        await client.move(
            manager, order.order_id, order_pb2.ORDER_STATUS_REFUNDED, reason="no milk"
        )
    events = await told(sees, paid.order_id)
    assert [(event.kind, event.amount_minor) for event in events] == [
        ("paid", 380),
        ("refunded", 380),
    ]
    assert await told(sees, unpaid.order_id) == []
    # Money that comes after all is to be given back at once.
    await pay(client, provider, unpaid, "pi_9")
    assert [event.kind for event in await told(sees, unpaid.order_id)] == ["paid", "refunded"]
