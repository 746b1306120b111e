"""The event of an order is OrderV1, letter by letter."""

import json
from datetime import UTC, datetime
from uuid import UUID

import protovalidate
from google.protobuf import json_format
from maitred.events.v1 import order_event_pb2
from maitred.orders.v1 import cart_pb2, order_pb2

from services.orders.carts.cart import AddOnSelection
from services.orders.carts.convert import from_cart
from services.orders.carts.pricing import price
from services.orders.orders.events import order_changed
from tests.unit.orders.menus import CATALOG, cart, line

TENANT = UUID(int=7)


def order(session_id: str = "") -> order_pb2.Order:
    dips = (AddOnSelection("dip", 2),)
    pizza = line("pizza", ("size", "large"), ("greens", "basil", 0), quantity=2, add_ons=dips)
    priced = from_cart(price(cart(pizza, way="delivery"), CATALOG))
    priced.lines[0].note = "ring twice, ask for Anna"
    return order_pb2.Order(
        order_id="ord_" + "1" * 32,
        principal_id="gst_1",
        status=order_pb2.ORDER_STATUS_PLACED,
        lines=priced.lines,
        order_choices=priced.order_choices,
        subtotal_minor=priced.total_minor,
        discounts=[cart_pb2.Discount(promotion_id="lunch", reason="For Anna.", amount_minor=350)],
        total_minor=priced.total_minor - 350,
        decision_id="dec_" + "3" * 32,
        recommendation_ids=["rec_" + "4" * 32],
        currency_code="EUR",
        session_id=session_id,
        transaction_id="abc",
        version=1,
    )


def rendered(message: order_pb2.Order) -> bytes:
    event = order_changed(
        message,
        tenant_id=TENANT,
        event_id=UUID(int=1),
        now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return event.payload


def test_an_event_is_one_line_of_cloud_events_json() -> None:
    payload = rendered(order())
    envelope = json.loads(payload)
    del envelope["data"]
    assert b"\n" not in payload
    assert envelope == {
        "specversion": "1.0",
        "id": "evt_" + "0" * 31 + "1",
        "source": "/maitred/orders",
        "type": "maitred.order.v1",
        "subject": "ord_" + "1" * 32,
        "time": "2026-01-02T03:04:05Z",
        "datacontenttype": "application/json",
    }


def test_its_data_is_what_protobuf_would_write() -> None:
    data = json.loads(rendered(order(session_id="ses_" + "2" * 32)))["data"]
    message = json_format.ParseDict(data, order_event_pb2.OrderV1())
    protovalidate.validate(message)
    assert json_format.MessageToDict(message, preserving_proto_field_name=True) == data


def test_it_tells_ids_and_amounts_and_no_words() -> None:
    payload = rendered(order()).decode()
    assert "Anna" not in payload
    assert "Pizza" not in payload
    data = json.loads(payload)["data"]
    assert data["totals"] == {"subtotal_minor": "2910", "total_minor": "2560"}
    assert data["discounts"] == [{"promotion_id": "lunch", "amount_minor": "350"}]
    assert data["order_choices"] == {"way": "delivery"}


def test_a_default_done_without_is_not_told() -> None:
    (told,) = json.loads(rendered(order()))["data"]["lines"]
    assert [option["option_id"] for option in told["options"]] == ["large"]
