"""What cannot be had as it was said is told with what can; the guest decides, and says yes anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from maitred.orders.v1 import catalog_pb2, promotion_pb2

from services.chassis.data.postgres import Connection
from tests.integration.coordinator.serving import Answer, Guest
from tests.integration.orders.serving import OrdersClient, menu
from tests.support.services import eventually

YES = "Yes, that's right"


async def count(sees: Connection, tenant_id: UUID, **left: int) -> None:
    """Counts products, so many of each left."""
    for product_id, number in left.items():
        await sees.execute(
            "INSERT INTO orders.stock (tenant_id, product_id, count) VALUES ($1, $2, $3) "
            "ON CONFLICT (tenant_id, product_id) DO UPDATE SET count = excluded.count",
            *(tenant_id, product_id, number),
        )


async def counting(orders: OrdersClient, sees: Connection, tenant_id: UUID, **left: int) -> None:
    """Counts products, and has the catalog know that they are counted."""
    await count(sees, tenant_id, **left)
    await orders.import_catalog(tenant_id, menu())


def quantities(answer: Answer) -> list[tuple[str, int]]:
    return [(line.product_id, line.quantity) for line in answer.turn.cart.lines]


async def another_of(guest: Guest) -> Guest:
    """Another conversation of the same guest."""
    other = Guest(guest.coordinator, guest.principal)
    await other.arrive()
    return other


async def test_fewer_left_at_the_order_are_offered_and_only_the_guest_takes_fewer(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await counting(orders, sees, tenant_id, croissant=3)
    assert "Shall I place the order?" in (await guest.says("3 croissants and a latte")).text
    await count(sees, tenant_id, croissant=2)
    told = await guest.says(YES)
    assert told.text == "Sorry, we have only 2 × Butter croissant left. Shall I make it 2?"
    assert not told.order_id
    assert quantities(told) == [("croissant", 3), ("latte", 1)]
    fewer = await guest.says("yes please")
    assert not fewer.order_id
    assert quantities(fewer) == [("croissant", 2), ("latte", 1)]
    assert "Shall I place the order?" in fewer.text
    assert (await guest.says(YES)).turn.order.lines[0].quantity == 2


async def test_more_than_are_left_are_not_read_back(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await counting(orders, sees, tenant_id, croissant=2)
    told = await guest.says("a latte and 3 croissants")
    assert told.text == "Sorry, we have only 2 × Butter croissant left. Shall I make it 2?"
    assert quantities(told) == [("latte", 1), ("croissant", 3)]
    assert not (await guest.says("is it vegan?")).order_id
    assert quantities(await guest.says("ok")) == [("latte", 1), ("croissant", 2)]
    order = (await guest.says(YES)).turn.order
    assert [(line.product_id, line.quantity) for line in order.lines] == [
        ("latte", 1),
        ("croissant", 2),
    ]


@pytest.mark.parametrize(
    ("reply", "after"),
    [
        ("no, just one", [("latte", 1), ("croissant", 1)]),
        ("2 is fine", [("latte", 1), ("croissant", 2)]),
        ("then no croissants", [("latte", 1)]),
        ("no", [("latte", 1), ("croissant", 3)]),
        ("hmm", [("latte", 1), ("croissant", 3)]),
    ],
)
async def test_the_guest_may_answer_a_shortage_otherwise(
    guest: Guest,
    orders: OrdersClient,
    tenant_id: UUID,
    sees: Connection,
    reply: str,
    after: list[tuple[str, int]],
) -> None:
    await counting(orders, sees, tenant_id, croissant=2)
    await guest.says("a latte and 3 croissants")
    answer = await guest.says(reply)
    assert quantities(answer) == after
    assert not answer.order_id


async def test_what_is_left_for_several_lines_is_the_guests_to_share_out(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await counting(orders, sees, tenant_id, latte=4)
    told = await guest.says("3 lattes and 2 lattes with oat milk")
    assert told.text == "Sorry, we have only 4 × Latte left. What should I change?"
    assert [n for _, n in quantities(told)] == [3, 2]
    assert not (await guest.says("yes")).order_id


async def test_what_is_gone_leaves_the_cart_while_what_is_left_is_asked_about(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await counting(orders, sees, tenant_id, croissant=3, bagel=1)
    await guest.says("3 croissants, a bagel and a latte")
    await count(sees, tenant_id, croissant=2, bagel=0)
    told = await guest.says(YES)
    assert "out of" in told.text
    assert told.text.endswith("Sorry, we have only 2 × Butter croissant left. Shall I make it 2?")
    assert quantities(told) == [("croissant", 3), ("latte", 1)]
    assert "Shall I place the order?" in (await guest.says("yes")).text
    assert (await guest.says(YES)).order_id


async def test_a_dish_outside_its_hours_is_told_with_them(
    guest: Guest, orders: OrdersClient, tenant_id: UUID
) -> None:
    catalog = menu()
    now = orders.clock()
    start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (6, 8))
    croissant = next(one for one in catalog.products if one.product_id == "croissant")
    window = catalog_pb2.AvailabilityWindow(start_time=start, end_time=end)
    croissant.availability.append(window)
    catalog.time_zone = "UTC"
    await orders.import_catalog(tenant_id, catalog)
    told = f"Sorry, Butter croissant is served {start} to {end}."
    assert told in (await guest.says("Do you have croissants?")).text
    assert f"is served {start} to {end}." in (await guest.says("a croissant please")).text


async def test_an_added_tax_is_named_with_all_that_is_to_be_paid(
    guest: Guest, orders: OrdersClient, tenant_id: UUID
) -> None:
    catalog = menu()
    catalog.prices_exclude_tax = True
    catalog.default_tax_rate_basis_points = 1000
    for product in catalog.products:
        product.ClearField("tax_rate_basis_points")
    for category in catalog.categories:
        category.ClearField("tax_rate_basis_points")
    await orders.import_catalog(tenant_id, catalog)
    told = await guest.says("a latte")
    assert "That's €3.80 plus €0.38 tax: €4.18 to pay." in told.text
    placed = await guest.says(YES)
    assert placed.turn.order.total_minor == 418
    assert "Total: €4.18." in placed.text


def welcome(*, first_order: bool = False) -> promotion_pb2.Promotion:
    """A euro off, once for everyone, or for a first order."""
    return promotion_pb2.Promotion(
        promotion_id="welcome",
        display_name="Welcome",
        code=promotion_pb2.CodeTerms(
            code="WELCOME", amount=promotion_pb2.AmountTerms(amount_minor=100)
        ),
        uses_per_customer=0 if first_order else 1,
        first_order_only=first_order,
    )


@pytest.mark.parametrize(
    ("first_order", "reason"),
    [
        (False, "The code WELCOME can be used once, and you have used it."),
        (True, "The code WELCOME is for a first order only."),
    ],
)
async def test_a_code_that_was_had_is_refused_with_the_reason(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, first_order: bool, reason: str
) -> None:
    await orders.promote(tenant_id, welcome(first_order=first_order))
    await guest.says("a latte with code WELCOME")
    assert (await guest.says(YES)).turn.order.total_minor == 280
    again = await guest.says("a latte with code WELCOME")
    assert reason in again.text
    assert "That's €3.80." in again.text


async def test_a_promotion_used_up_before_the_yes_is_told_with_the_new_total(
    guest: Guest, orders: OrdersClient, tenant_id: UUID
) -> None:
    await orders.promote(tenant_id, welcome())
    other = await another_of(guest)
    for talk in (guest, other):
        assert "€2.80 to pay" in (await talk.says("a latte with code WELCOME")).text
    assert (await other.says(YES)).order_id
    await is_told_the_new_total(guest, await guest.says(YES))


async def test_a_promotion_refused_at_placing_is_told_with_the_new_total(
    guest: Guest, orders: OrdersClient, tenant_id: UUID, sees: Connection
) -> None:
    await orders.promote(tenant_id, welcome())
    talks = [guest, await another_of(guest)]
    for talk in talks:
        await talk.says("a latte with code WELCOME")
    async with no_order_is_written(sees):
        answers = [asyncio.ensure_future(talk.says(YES)) for talk in talks]

        async def both_are_quoted() -> bool:
            quoted = "SELECT count(*) FROM orders.quotes WHERE tenant_id = $1"
            return bool(await sees.fetchval(quoted, tenant_id) == len(talks))

        await eventually(both_are_quoted)
    told = await asyncio.gather(*answers)
    assert [bool(answer.order_id) for answer in told].count(True) == 1
    refused = next(n for n, answer in enumerate(told) if not answer.order_id)
    await is_told_the_new_total(talks[refused], told[refused])


async def test_a_quote_that_no_longer_holds_is_told_and_made_anew(
    guest: Guest, tenant_id: UUID, sees: Connection
) -> None:
    await guest.says("a latte")
    async with spoilt_quotes(sees, tenant_id):
        told = await guest.says(YES)
    assert not told.order_id
    assert told.text.startswith("Sorry, the price I had for you no longer holds")
    assert told.text.endswith("That's €3.80. Is that right? Shall I place the order?")
    assert (await guest.says(YES)).turn.order.total_minor == 380


async def is_told_the_new_total(guest: Guest, told: Answer) -> None:
    """The answer says why and reads the cart back; it takes another yes."""
    assert told.text.startswith("Sorry, Welcome no longer counts for this order")
    assert told.text.endswith("That's €3.80. Is that right? Shall I place the order?")
    assert (await guest.says(YES)).turn.order.total_minor == 380


@asynccontextmanager
async def no_order_is_written(sees: Connection) -> AsyncIterator[None]:
    """Inside the block orders can be read, and whoever places one waits."""
    async with sees.transaction():
        await sees.execute("LOCK TABLE orders.orders IN SHARE MODE")
        yield


@asynccontextmanager
async def spoilt_quotes(sees: Connection, tenant_id: UUID) -> AsyncIterator[None]:
    """Inside the block what is stored of the tenant's quotes is not what was signed."""
    await sees.execute(
        "CREATE FUNCTION orders.spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.signature := '\\x00'; RETURN NEW; END $$"
    )
    await sees.execute(
        "CREATE TRIGGER spoil BEFORE INSERT ON orders.quotes FOR EACH ROW "
        f"WHEN (NEW.tenant_id = '{tenant_id}') EXECUTE FUNCTION orders.spoil()"
    )
    try:
        yield
    finally:
        await sees.execute("DROP TRIGGER spoil ON orders.quotes")
        await sees.execute("DROP FUNCTION orders.spoil()")
