"""Carts with promotions: local time, codes that count, and why others do not."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

from services.orders.carts.operations import ClearCart, apply
from services.orders.carts.pricing import PricedCart, price
from services.orders.hours import Hours
from services.orders.promotions.customer import Customer
from services.orders.promotions.discount import CodeProblem
from services.orders.promotions.promotion import Code, Percentage, Promotion, Scope
from services.orders.promotions.redeeming import MOST_CODES, Redeemed, redeem
from tests.unit.orders.menus import CATALOG, cart, line
from tests.unit.orders.offers import FOOD, HAPPY, NOON, TENTH_OFF_FOOD, WATER, WELCOME

ANYONE = Customer()
PIZZA = price(cart(line("pizza")), CATALOG)
EMPTY = price(cart(), CATALOG)
PIZZA_CODE = Promotion("pizza", "Pizza people", Code("PIZZA", Percentage(30)), FOOD)


def redeemed(
    *promotions: Promotion,
    codes: tuple[str, ...] = (),
    of: PricedCart = PIZZA,
    customer: Customer = ANYONE,
) -> Redeemed:
    return redeem(of, CATALOG, promotions, codes, NOON, customer)


def problems(answer: Redeemed) -> dict[str, CodeProblem]:
    return {refusal.code: refusal.problem for refusal in answer.refusals}


def test_what_is_paid_is_the_total_less_the_discounts() -> None:
    answer = redeemed(TENTH_OFF_FOOD).cart
    assert (answer.total, answer.payable) == (1000, 900)
    assert [discount.line_id for discount in answer.discounts] == ["l1"]


def test_hours_are_those_of_the_catalogs_time_zone() -> None:
    waters = price(cart(line("water")), CATALOG)
    berlin = replace(CATALOG, time_zone="Europe/Berlin")
    # 13:30 in Berlin's summer, 12:30 in its winter.
    for month in (7, 1):
        at = datetime(2026, month, 15, 11, 30, tzinfo=UTC)
        assert redeem(waters, berlin, [HAPPY], (), at, Customer()).cart.discounts
    late = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
    assert not redeem(waters, berlin, [HAPPY], (), late, Customer()).cart.discounts
    assert redeem(waters, CATALOG, [HAPPY], (), late, Customer()).cart.discounts


def test_a_code_counts_however_it_is_written() -> None:
    answer = redeemed(WELCOME, codes=(" welcome ", "WELCOME"))
    assert answer.cart.promotion_codes == ("WELCOME",)
    assert (answer.cart.payable, answer.refusals) == (850, ())


def test_a_code_nobody_made_is_dropped() -> None:
    answer = redeemed(WELCOME, codes=("friend",))
    assert problems(answer) == {"friend": CodeProblem.UNKNOWN}
    assert answer.refusals[0].reason == "There is no code friend."
    assert answer.cart.promotion_codes == ()


def test_a_code_out_of_its_days_is_dropped_and_says_them() -> None:
    past = replace(WELCOME, first_day=date(2026, 6, 1), last_day=date(2026, 6, 30))
    answer = redeemed(past, codes=("WELCOME",))
    assert problems(answer) == {"WELCOME": CodeProblem.NOT_NOW}
    assert answer.refusals[0].reason == (
        "The code WELCOME is only valid from 1 June 2026 until 30 June 2026."
    )
    assert answer.cart.promotion_codes == ()


def test_a_code_out_of_its_hours_says_them() -> None:
    evening = replace(WELCOME, schedule=(Hours(time(18), time(20)), Hours(time(9), time(10))))
    answer = redeemed(evening, codes=("WELCOME",))
    assert problems(answer) == {"WELCOME": CodeProblem.NOT_NOW}
    assert answer.refusals[0].reason == (
        "The code WELCOME is only valid 18:00 to 20:00 and 09:00 to 10:00."
    )


def test_a_code_for_first_orders_says_so_to_others() -> None:
    first = replace(WELCOME, is_first_order_only=True)
    assert redeemed(first, codes=("WELCOME",)).refusals == ()
    answer = redeemed(first, codes=("WELCOME",), customer=Customer(orders=1))
    assert problems(answer) == {"WELCOME": CodeProblem.NOT_A_FIRST_ORDER}
    assert answer.refusals[0].reason == "The code WELCOME is for a first order only."


def test_a_code_used_up_says_how_often_it_can_be_used() -> None:
    once = replace(WELCOME, uses_per_customer=1)
    had = Customer(orders=3, uses={"welcome": 1})
    answer = redeemed(once, codes=("WELCOME",), customer=had)
    assert problems(answer) == {"WELCOME": CodeProblem.USED_UP}
    assert answer.refusals[0].reason == ("The code WELCOME can be used once, and you have used it.")
    assert answer.cart.payable == 1000


def test_a_code_stays_until_the_cart_is_what_it_asks_for() -> None:
    dear = replace(WELCOME, minimum_subtotal=1500)
    answer = redeemed(dear, codes=("WELCOME",))
    assert problems(answer) == {"WELCOME": CodeProblem.CART_DOES_NOT_QUALIFY}
    assert answer.refusals[0].reason == "The code WELCOME is for orders of €15.00 or more."
    assert answer.cart.promotion_codes == ("WELCOME",)
    assert problems(redeemed(WELCOME, codes=("WELCOME",), of=EMPTY)) == problems(answer)
    waters = replace(PIZZA_CODE, scope=WATER)
    assert redeemed(waters, codes=("PIZZA",)).refusals[0].reason == (
        "There is nothing in the order that the code PIZZA is for."
    )


def test_a_code_that_another_promotion_outdoes_says_which() -> None:
    half = Promotion("half", "Half price", Percentage(50), FOOD)
    answer = redeemed(PIZZA_CODE, half, codes=("PIZZA",))
    assert problems(answer) == {"PIZZA": CodeProblem.OUTDONE}
    assert answer.refusals[0].reason == "The code PIZZA adds nothing to Half price."
    assert answer.cart.promotion_codes == ("PIZZA",)


def test_a_cart_takes_so_many_codes() -> None:
    many = [
        Promotion(f"p{n}", f"Number {n}", Code(f"CODE{n}", Percentage(n)), Scope())
        for n in range(1, MOST_CODES + 3)
    ]
    answer = redeemed(*many, codes=tuple(f"CODE{n}" for n in range(1, MOST_CODES + 3)))
    assert len(answer.cart.promotion_codes) == MOST_CODES
    assert problems(answer)["CODE11"] is CodeProblem.CART_DOES_NOT_QUALIFY
    assert answer.refusals[-1].reason == "An order takes 10 codes at most, so CODE12 is left out."


def test_codes_outlast_an_emptied_cart() -> None:
    had = replace(cart(line("pizza")), promotion_codes=("WELCOME",))
    assert apply(had, [ClearCart()]).promotion_codes == ("WELCOME",)
