"""What promotions take off a bill, and how they say so."""

from collections import Counter
from dataclasses import replace
from datetime import time
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.orders.hours import Hours
from services.orders.promotions.bill import Bill, Item
from services.orders.promotions.customer import Customer
from services.orders.promotions.discount import Discount
from services.orders.promotions.pricing import discounts, share
from services.orders.promotions.promotion import (
    Amount,
    Bundle,
    BundlePart,
    Code,
    HappyHour,
    Percentage,
    Promotion,
    Scope,
    Stacking,
    Terms,
)
from tests.unit.orders.offers import (
    FIVE_OFF,
    FOOD,
    HAPPY,
    LUNCH,
    NOON,
    TENTH_OFF_FOOD,
    TWENTIETH_OFF,
    WATER,
    WATER_CHEAPER,
    WELCOME,
    bill,
    item,
    water,
)

ANYONE = Customer()


def told(
    *promotions: Promotion, of: Bill, codes: tuple[str, ...] = (), customer: Customer = ANYONE
) -> list[tuple[str, int]]:
    """Reasons and amounts."""
    found = discounts(promotions, of, codes, NOON, customer)
    return [(discount.reason, discount.amount) for discount in found]


def test_a_percentage_of_a_line_says_of_what() -> None:
    of = bill(item("l1", 1000, 2), water("l2"))
    assert told(TENTH_OFF_FOOD, of=of) == [("10% off 2 × Pizza.", 200)]


def test_an_amount_is_off_each_of_a_line() -> None:
    of = bill(water("l1", quantity=3), item("l2", 900))
    assert told(WATER_CHEAPER, of=of) == [("€0.50 off each of 3 × Water.", 150)]


def test_a_thing_never_costs_less_than_nothing() -> None:
    assert told(WATER_CHEAPER, of=bill(water("l1", 30))) == [("€0.30 off 1 × Water.", 30)]


def test_a_happy_hour_says_its_hours() -> None:
    assert told(HAPPY, of=bill(water("l1"))) == [("20% off 1 × Water, 11:00 to 14:00.", 40)]
    weekend = HappyHour(20, Hours(time(11), time(14), frozenset({3, 6})))
    some_days = Promotion("some", "Some days", weekend)
    assert told(some_days, of=bill(water("l1"))) == [
        ("20% off the whole order, 11:00 to 14:00 on Wednesdays and Saturdays.", 40)
    ]


def test_a_promotion_of_the_whole_order_comes_off_what_the_lines_leave() -> None:
    of = bill(item("l1", 1000), choices=350)
    assert told(TENTH_OFF_FOOD, TWENTIETH_OFF, of=of) == [
        ("10% off 1 × Pizza.", 100),
        ("5% off the whole order.", 63),
    ]


def test_a_least_subtotal_is_of_the_order_before_discounts() -> None:
    of = bill(item("l1", 2000))
    assert told(TENTH_OFF_FOOD, FIVE_OFF, of=of) == [
        ("10% off 1 × Pizza.", 200),
        ("€5.00 off the whole order, for orders of €20.00 or more.", 500),
    ]
    assert told(FIVE_OFF, of=bill(item("l1", 1999))) == []


def test_a_code_unlocks_only_for_those_who_know_it() -> None:
    of = bill(item("l1", 1000))
    assert told(WELCOME, of=of) == []
    assert told(WELCOME, of=of, codes=("WELCOME",)) == [
        ("15% off the whole order with the code WELCOME.", 150)
    ]


def test_a_line_has_the_promotion_that_takes_off_most() -> None:
    of = bill(water("l1", quantity=2))
    assert told(HAPPY, WATER_CHEAPER, of=of) == [("€0.50 off each of 2 × Water.", 100)]
    assert told(HAPPY, WATER_CHEAPER, of=bill(water("l1", 300)))[0][1] == 60


def test_an_order_has_one_promotion_as_a_whole() -> None:
    of = bill(item("l1", 4000))
    assert told(TWENTIETH_OFF, FIVE_OFF, WELCOME, of=of, codes=("WELCOME",)) == [
        ("15% off the whole order with the code WELCOME.", 600)
    ]


def test_a_bundle_takes_as_many_sets_as_there_are() -> None:
    of = bill(item("l1", 1000, 2), water("l2", quantity=3))
    assert told(LUNCH, of=of) == [("2 × Pizza and 2 × Water together for €21.00.", 300)]


def test_a_bundle_is_of_the_dearest_things_that_count() -> None:
    of = bill(item("l1", 900), item("l2", 1100), water("l3"))
    (found,) = discounts([LUNCH], of, (), NOON, ANYONE)
    assert (found.amount, found.line_id) == (1100 + 200 - 1050, "")


def test_options_and_extras_are_paid_beside_a_bundle() -> None:
    of = bill(item("l1", 1400, base_price=1000), water("l2"))
    assert told(LUNCH, of=of)[0][1] == 1000 + 200 - 1050


def test_a_bundle_may_take_an_amount_off() -> None:
    cheaper = Promotion("cheaper", "Two", Bundle((BundlePart(FOOD, 2),), amount_off=300))
    of = bill(item("l1", 1000, 3), item("l2", 800))
    assert told(cheaper, of=of) == [("€6.00 off 4 × Pizza together.", 600)]


def test_a_bundle_leaves_what_many_things_count_for_to_the_part_that_needs_it() -> None:
    anything = Scope(categories=frozenset({"Food", "Drinks"}))
    pair = Bundle((BundlePart(anything, 1), BundlePart(WATER, 1)), amount_off=100)
    of = bill(item("l1", 150), water("l2"))
    assert told(Promotion("pair", "Pair", pair), of=of)[0][1] == 100


def test_a_bundle_yields_to_promotions_that_take_off_more() -> None:
    half = Promotion("half", "Half", Percentage(50), FOOD)
    of = bill(item("l1", 1000), water("l2"))
    assert told(LUNCH, half, of=of) == [("50% off 1 × Pizza.", 500)]
    assert told(LUNCH, TENTH_OFF_FOOD, of=of) == [
        ("1 × Pizza and 1 × Water together for €10.50.", 150)
    ]


def test_a_line_in_a_bundle_has_no_other_promotion() -> None:
    of = bill(item("l1", 1000), water("l2", quantity=9))
    assert [reason for reason, _ in told(LUNCH, HAPPY, of=bill(item("l1", 1000), water("l2")))] == [
        "1 × Pizza and 1 × Water together for €10.50."
    ]
    # Nine waters at the happy hour's price are worth more than one in the bundle.
    assert told(LUNCH, HAPPY, of=of) == [("20% off 9 × Water, 11:00 to 14:00.", 360)]


def test_a_percentage_is_rounded_half_up() -> None:
    assert [share(amount, 10) for amount in (4, 5, 14, 15, 995)] == [0, 1, 1, 2, 100]


def test_what_takes_nothing_off_is_not_told() -> None:
    assert told(TENTH_OFF_FOOD, TWENTIETH_OFF, of=bill(item("l1", 0))) == []
    assert told(TWENTIETH_OFF, of=bill()) == []


def stacks(promotion: Promotion) -> Promotion:
    return replace(promotion, id=f"{promotion.id}-too", stacking=Stacking.STACKS)


def alone(promotion: Promotion) -> Promotion:
    return replace(promotion, stacking=Stacking.EXCLUSIVE)


def test_what_stacks_is_off_what_the_others_leave() -> None:
    of = bill(item("l1", 1000, 2), water("l2"))
    assert told(TENTH_OFF_FOOD, stacks(TENTH_OFF_FOOD), of=of) == [
        ("10% off 2 × Pizza.", 200),
        ("10% off 2 × Pizza, on top of other offers.", 180),
    ]
    assert told(TWENTIETH_OFF, stacks(TWENTIETH_OFF), of=of) == [
        ("5% off the whole order.", 110),
        ("5% off the whole order, on top of other offers.", 105),
    ]


def test_what_stacks_leaves_the_lines_of_a_bundle_alone() -> None:
    of = bill(item("l1", 1000), water("l2"), item("l3", 500))
    assert told(LUNCH, stacks(TENTH_OFF_FOOD), of=of) == [
        ("1 × Pizza and 1 × Water together for €10.50.", 150),
        ("10% off 1 × Pizza, on top of other offers.", 50),
    ]


def test_what_stacks_takes_no_more_than_there_is() -> None:
    of = bill(water("l1", 80))
    assert told(WATER_CHEAPER, stacks(WATER_CHEAPER), of=of) == [
        ("€0.50 off 1 × Water.", 50),
        ("€0.50 off 1 × Water, on top of other offers.", 30),
    ]


def test_an_exclusive_one_is_taken_alone_if_it_takes_off_more_than_all_others() -> None:
    of = bill(item("l1", 1000))
    assert told(alone(TENTH_OFF_FOOD), TWENTIETH_OFF, of=of) == [
        ("10% off 1 × Pizza, in place of all other offers.", 100)
    ]
    assert told(alone(TWENTIETH_OFF), TENTH_OFF_FOOD, of=of) == [("10% off 1 × Pizza.", 100)]


def test_of_equals_those_beside_each_other_are_taken() -> None:
    of = bill(item("l1", 1000))
    same = replace(TENTH_OFF_FOOD, id="a", stacking=Stacking.EXCLUSIVE)
    assert told(same, TENTH_OFF_FOOD, of=of) == [("10% off 1 × Pizza.", 100)]


def test_a_first_order_is_told_and_had_once() -> None:
    first = replace(TENTH_OFF_FOOD, is_first_order_only=True)
    of = bill(item("l1", 1000))
    assert told(first, of=of) == [("10% off 1 × Pizza, for a first order.", 100)]
    assert told(first, of=of, customer=Customer(orders=1)) == []


def test_a_limited_one_is_had_as_often_as_it_says() -> None:
    twice = replace(TENTH_OFF_FOOD, uses_per_customer=2)
    of = bill(item("l1", 1000))
    once = Customer(orders=5, uses={"food": 1, "other": 9})
    assert told(twice, of=of, customer=once) == [("10% off 1 × Pizza, twice for each guest.", 100)]
    assert told(twice, of=of, customer=Customer(orders=5, uses={"food": 2})) == []


def test_a_limit_goes_with_the_discount() -> None:
    once = replace(TENTH_OFF_FOOD, uses_per_customer=1, is_first_order_only=True)
    (found,) = discounts([once], bill(item("l1", 1000)), (), NOON, ANYONE)
    assert (found.uses_per_customer, found.is_first_order_only) == (1, True)


SCOPES = st.sampled_from([Scope(), FOOD, WATER, Scope(categories=frozenset({"Food", "Drinks"}))])
PARTS = st.builds(
    BundlePart,
    st.sampled_from([FOOD, WATER, Scope(categories=frozenset({"Food", "Drinks"}))]),
    st.integers(1, 3),
)
OFF = st.one_of(st.builds(Percentage, st.integers(1, 100)), st.builds(Amount, st.integers(1, 3000)))
HOURS = st.builds(HappyHour, st.integers(1, 100), st.just(Hours(time(11), time(14))))
BUNDLES = st.one_of(
    st.builds(Bundle, st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.integers(0, 3000)),
    st.builds(
        Bundle, st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.none(), st.integers(1, 3000)
    ),
)
TERMS: st.SearchStrategy[Terms] = st.one_of(
    OFF, HOURS, BUNDLES, st.builds(Code, st.sampled_from(["ONE", "TWO"]), OFF)
)


@st.composite
def offers(draw: st.DrawFn) -> list[Promotion]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        terms = draw(TERMS)
        scope = Scope() if isinstance(terms, Bundle) else draw(SCOPES)
        least = draw(st.sampled_from([0, 0, 500, 2500]))
        kinds = [Stacking.COMPETES, Stacking.COMPETES, Stacking.EXCLUSIVE]
        stacking = draw(
            st.sampled_from(kinds + [Stacking.STACKS] * (not isinstance(terms, Bundle)))
        )
        one = Promotion(f"p{number}", f"Promotion {number}", terms, scope, least, stacking=stacking)
        found.append(one)
    return found


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    items = []
    for number in range(draw(st.integers(0, 6))):
        unit = draw(st.integers(0, 2000))
        made: Item = item(
            f"l{number}", unit, draw(st.integers(1, 9)), base_price=draw(st.integers(0, unit))
        )
        items.append(draw(st.sampled_from([made, water(f"l{number}", unit, made.quantity)])))
    return bill(*items, choices=draw(st.sampled_from([0, 350, -500])))


@given(offers(), bills(), st.sets(st.sampled_from(["ONE", "TWO"])))
def test_what_is_paid_is_never_less_than_nothing_and_no_line_has_two_that_compete(
    promotions: list[Promotion], of: Bill, codes: set[str]
) -> None:
    found = discounts(promotions, of, tuple(codes), NOON, ANYONE)
    assert all(discount.amount > 0 for discount in found)
    assert 0 <= of.total - sum(discount.amount for discount in found) <= of.total
    totals = {one.line_id: one.total for one in of.items}
    off = Counter[str]()
    for discount in found:
        off[discount.line_id] += discount.amount
    assert all(off[line_id] <= total for line_id, total in totals.items())
    by_id = {promotion.id: promotion for promotion in promotions}
    competing = [one for one in found if by_id[one.promotion_id].stacking is not Stacking.STACKS]
    lines = Counter(discount.line_id for discount in competing if discount.line_id)
    assert all(times == 1 for times in lines.values())
    whole = [one for one in competing if not isinstance(by_id[one.promotion_id].terms, Bundle)]
    assert sum(1 for one in whole if not one.line_id) <= 1
    named = {one.promotion_id for one in found}
    assert len(named) == 1 or all(by_id[id_].stacking is not Stacking.EXCLUSIVE for id_ in named)


@given(offers(), bills(), st.randoms(use_true_random=False))
def test_neither_the_order_of_promotions_nor_that_of_lines_matters(
    promotions: list[Promotion], of: Bill, random: Random
) -> None:
    def paid(found: tuple[Discount, ...]) -> int:
        return of.total - sum(discount.amount for discount in found)

    here = discounts(promotions, of, ("ONE",), NOON, ANYONE)
    shuffled = random.sample(promotions, len(promotions))
    assert discounts(shuffled, of, ("ONE",), NOON, ANYONE) == here
    mixed = Bill(tuple(random.sample(of.items, len(of.items))), of.total, of.currency)
    assert paid(discounts(promotions, mixed, ("ONE",), NOON, ANYONE)) == paid(here)
