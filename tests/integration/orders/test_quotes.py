"""A quote is a cart with a price that holds, for one principal."""

import asyncio
from uuid import UUID

import grpc
from maitred.orders.v1 import cart_pb2, quote_pb2, quote_service_pb2

from services.chassis.rpc.identity import Principal, Role
from tests.integration.orders.serving import OrdersClient, cart, menu
from tests.support.services import failure, guest, is_replayed, metadata, with_role


async def read(client: OrdersClient, principal: Principal, quote_id: str) -> quote_pb2.Quote:
    response = await client.quotes.GetQuote(
        quote_service_pb2.GetQuoteRequest(quote_id=quote_id), metadata=metadata(principal)
    )
    return response.quote


async def test_a_quote_names_and_prices_everything(client: OrdersClient, tenant_id: UUID) -> None:
    oat = cart_pb2.OptionSelection(option_group_id="milk", option_id="oat")
    large = cart_pb2.OptionSelection(option_group_id="size", option_id="large")
    syrup = cart_pb2.AddOnSelection(add_on_id="vanilla_syrup", quantity=2)
    line = cart_pb2.CartLine(product_id="latte", quantity=3, options=[oat, large], add_ons=[syrup])
    to_go = cart_pb2.OrderChoiceSelection(order_choice_id="service", option_id="to_go")
    wanted = cart_pb2.Cart(lines=[line], order_choices=[to_go])
    quote = await client.quote(guest(tenant_id), wanted)
    (priced,) = quote.cart.lines
    chosen = {o.option_group_id: o.option_name for o in priced.options if not o.is_default}
    default = {o.option_group_id: o.option_name for o in priced.options if o.is_default}
    assert chosen == {"milk": "Oat milk", "size": "Large"}
    assert default == {"temperature": "Hot", "coffee": "Regular coffee", "shots": "Double shot"}
    assert priced.product_name == "Latte"
    assert priced.unit_price_minor == 380 + 50 + 60 + 2 * 50
    assert quote.total_minor == priced.total_minor == 3 * priced.unit_price_minor
    assert quote.currency_code == "EUR"
    assert [c.option_name for c in quote.cart.order_choices] == ["To go"]
    assert quote.expire_time.seconds - quote.create_time.seconds == 600


async def test_a_quote_given_back_as_a_cart_is_quoted_the_same(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    first = await client.quote(owner, cart("latte", "croissant"))
    assert (await client.quote(owner, first.cart)).cart == first.cart


async def test_a_quote_keeps_its_price_when_the_catalog_changes(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    dearer = menu()
    for product in dearer.products:
        product.price_minor += 100
    await client.import_catalog(tenant_id, dearer)
    assert (await client.quote(owner)).total_minor == quote.total_minor + 100
    order, _ = await client.place(owner, quote.quote_id)
    assert order.total_minor == quote.total_minor


async def test_a_quote_says_which_order_was_made_of_it(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    quote = await client.quote(owner)
    assert await read(client, owner, quote.quote_id) == quote
    order, _ = await client.place(owner, quote.quote_id)
    assert (await read(client, owner, quote.quote_id)).order_id == order.order_id


async def test_a_quote_is_its_owners_and_staffs_to_read(
    client: OrdersClient, tenant_id: UUID
) -> None:
    quote = await client.quote(guest(tenant_id))
    assert await read(client, with_role(tenant_id, Role.STAFF), quote.quote_id) == quote
    refused = await failure(read(client, guest(tenant_id), quote.quote_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "QUOTE_NOT_FOUND")


async def test_an_empty_cart_is_refused(client: OrdersClient, tenant_id: UUID) -> None:
    refused = await failure(
        client.quotes.CreateQuote(
            quote_service_pb2.CreateQuoteRequest(cart=cart_pb2.Cart()),
            metadata=metadata(guest(tenant_id)),
        )
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CART_INVALID")


async def test_a_cart_that_does_not_fit_is_refused_with_every_problem(
    client: OrdersClient, tenant_id: UUID
) -> None:
    size = cart_pb2.OptionSelection(option_group_id="size", option_id="enormous")
    wanted = cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(product_id="unicorn", quantity=1),
            cart_pb2.CartLine(product_id="latte", quantity=1, options=[size]),
        ]
    )
    refused = await failure(client.quote(guest(tenant_id), wanted))
    assert refused.reason == "CART_INVALID"
    assert [problem.field for problem in refused.fields] == [
        "cart.lines[0].product_id",
        "cart.lines[1].options[0]",
    ]


async def test_what_is_sold_out_cannot_be_quoted(client: OrdersClient, tenant_id: UUID) -> None:
    coconut = cart_pb2.OptionSelection(option_group_id="milk", option_id="coconut")
    wanted = cart_pb2.Cart(
        lines=[
            cart_pb2.CartLine(product_id="almond_croissant", quantity=1),
            cart_pb2.CartLine(product_id="latte", quantity=1, options=[coconut]),
        ]
    )
    refused = await failure(client.quote(guest(tenant_id), wanted))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "NOT_AVAILABLE"
    assert refused.metadata == {"ids": "almond_croissant,coconut", "remaining": "0,0"}


async def test_identical_requests_with_a_key_make_one_quote(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    request = quote_service_pb2.CreateQuoteRequest(cart=cart("latte"), request_id="k")

    async def ask() -> tuple[str, bool]:
        call = client.quotes.CreateQuote(request, metadata=metadata(owner))
        response = await call
        return response.quote.quote_id, await is_replayed(call)

    answers = await asyncio.gather(*[ask() for _ in range(20)])
    assert len({quote_id for quote_id, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    other = quote_service_pb2.CreateQuoteRequest(cart=cart("mocha"), request_id="k")
    refused = await failure(client.quotes.CreateQuote(other, metadata=metadata(owner)))
    assert refused.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_requests_without_a_key_are_each_their_own(
    client: OrdersClient, tenant_id: UUID
) -> None:
    owner = guest(tenant_id)
    assert (await client.quote(owner)).quote_id != (await client.quote(owner)).quote_id
