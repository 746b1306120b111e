"""What a guest pays is what the house says, whatever a request claims or asks for."""

from uuid import UUID

import grpc
import pytest
from maitred.orders.v1 import cart_pb2, order_pb2, order_service_pb2, promotion_pb2

from services.chassis.rpc.identity import Role
from tests.integration.orders.serving import OrdersClient, cart
from tests.support.services import failure, guest, metadata, with_role


async def test_amounts_names_and_defaults_that_a_cart_claims_change_nothing(
    client: OrdersClient, tenant_id: UUID
) -> None:
    line = cart_pb2.CartLine(
        product_id="latte",
        product_name="Tap water",
        quantity=2,
        unit_price_minor=-1,
        total_minor=1,
        options=[
            cart_pb2.OptionSelection(
                option_group_id="size", option_id="large", price_delta_minor=-380
            ),
            # A choice that says it is a default is none.
            cart_pb2.OptionSelection(
                option_group_id="milk", option_id="oat", quantity=1, is_default=True
            ),
        ],
        add_ons=[cart_pb2.AddOnSelection(add_on_id="vanilla_syrup", quantity=1, price_minor=-9)],
    )
    claimed = cart_pb2.Cart(
        lines=[line],
        total_minor=1,
        payable_minor=1,
        currency_code="VND",
        taxes=[cart_pb2.TaxLine(rate_basis_points=1, taxable_minor=1, tax_minor=-5)],
        discounts=[cart_pb2.Discount(promotion_id="mine", amount_minor=379)],
    )
    owner = guest(tenant_id)
    honest = cart_pb2.Cart()
    honest.lines.add(product_id="latte", quantity=2)
    honest.lines[0].options.add(option_group_id="size", option_id="large")
    honest.lines[0].add_ons.add(add_on_id="vanilla_syrup", quantity=1)
    quote, other = await client.quote(owner, claimed), await client.quote(owner, honest)
    assert quote.cart == other.cart
    assert (quote.total_minor, quote.currency_code) == (other.total_minor, "EUR")
    assert quote.total_minor >= 2 * (380 + 60)


@pytest.mark.parametrize(
    "line",
    [
        cart_pb2.CartLine(product_id="latte", quantity=0),
        cart_pb2.CartLine(product_id="latte", quantity=-1),
        cart_pb2.CartLine(product_id="latte", quantity=100),
        cart_pb2.CartLine(
            product_id="latte",
            quantity=1,
            options=[
                cart_pb2.OptionSelection(option_group_id="size", option_id="small", quantity=-9)
            ],
        ),
        cart_pb2.CartLine(
            product_id="latte",
            quantity=1,
            options=[
                cart_pb2.OptionSelection(option_group_id="size", option_id="small", quantity=9)
            ],
        ),
        cart_pb2.CartLine(
            product_id="latte",
            quantity=1,
            add_ons=[cart_pb2.AddOnSelection(add_on_id="vanilla_syrup", quantity=-1)],
        ),
    ],
    ids=["none", "less than none", "too many", "less of an option", "nine sizes", "less syrup"],
)
async def test_quantities_that_nobody_can_have_are_refused(
    client: OrdersClient, tenant_id: UUID, line: cart_pb2.CartLine
) -> None:
    refused = await failure(client.quote(guest(tenant_id), cart_pb2.Cart(lines=[line])))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_largest_cart_there_can_be_is_priced_to_the_unit(
    client: OrdersClient, tenant_id: UUID
) -> None:
    lines = [cart_pb2.CartLine(product_id="latte", quantity=99) for _ in range(100)]
    owner = guest(tenant_id)
    order = await client.order(owner, cart_pb2.Cart(lines=lines))
    assert order.total_minor == 100 * 99 * 380
    assert len(order.lines) == 100


async def test_an_order_for_nothing_is_placed_paid_and_refunded(
    client: OrdersClient, tenant_id: UUID
) -> None:
    free = promotion_pb2.Promotion(
        promotion_id="free",
        display_name="On the house",
        percentage=promotion_pb2.PercentageTerms(percent=100),
    )
    generous = promotion_pb2.Promotion(
        promotion_id="more",
        display_name="And more",
        amount=promotion_pb2.AmountTerms(amount_minor=100_000_000),
        stacking=promotion_pb2.PROMOTION_STACKING_STACKS,
    )
    for promotion in (free, generous):
        await client.promote(tenant_id, promotion)
    order = await client.order(guest(tenant_id), cart("latte", "croissant"))
    assert order.total_minor == 0
    assert [one.amount_minor for one in order.discounts] == [order.subtotal_minor]
    assert not order.taxes
    payment = order_service_pb2.RecordPaymentRequest(
        order_id=order.order_id, payment_reference="pi_0", currency_code="EUR"
    )
    provider, manager = with_role(tenant_id, Role.SERVICE), with_role(tenant_id, Role.MANAGER)
    await client.orders.RecordPayment(payment, metadata=metadata(provider))
    await client.move(manager, order.order_id, order_pb2.ORDER_STATUS_CANCELLED)
    refunded = await client.move(
        manager, order.order_id, order_pb2.ORDER_STATUS_REFUNDED, reason="free"
    )
    assert refunded.payment.amount_minor == 0
