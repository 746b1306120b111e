"""What is ordered in the benches: two lines of the demo coffee bar, priced."""

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf import json_format
from maitred.orders.v1 import cart_pb2, catalog_pb2, order_pb2

from services.assembly.demo.seed import CATALOGS
from services.chassis.data.ids import to_id
from services.chassis.data.outbox import OutboxEvent
from services.orders.carts.convert import from_cart, to_cart
from services.orders.carts.pricing import price
from services.orders.catalog.convert import to_catalog
from services.orders.orders.events import order_changed

TENANT = UUID(int=1)
# Signs page tokens, and with them quotes.
SECRET = "bench"


def menu() -> catalog_pb2.Catalog:
    """What the demo coffee bar sells."""
    text = (CATALOGS / "coffee_bar.json").read_text(encoding="utf-8")
    return json_format.Parse(text, catalog_pb2.Catalog())


def wanted_cart() -> cart_pb2.Cart:
    """Two lattes with oat milk and a croissant."""
    oat = cart_pb2.OptionSelection(option_group_id="milk", option_id="oat")
    return cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(product_id="latte", quantity=2, options=[oat]),
            cart_pb2.CartLine(product_id="croissant", quantity=1),
        ]
    )


def priced_cart() -> cart_pb2.Cart:
    """The same, every option and amount filled in."""
    return from_cart(price(to_cart(wanted_cart()), to_catalog(menu())))


def placed_order() -> order_pb2.Order:
    """An order of that cart."""
    cart = priced_cart()
    return order_pb2.Order(
        order_id=to_id("ord", UUID(int=1)),
        principal_id="gst_1",
        status=order_pb2.ORDER_STATUS_PLACED,
        lines=cart.lines,
        subtotal_minor=cart.total_minor,
        total_minor=cart.total_minor,
        currency_code=cart.currency_code,
        version=1,
    )


def placed_event() -> OutboxEvent:
    """The event that tells of it."""
    return order_changed(
        placed_order(), tenant_id=TENANT, event_id=UUID(int=1), now=datetime.now(UTC)
    )
