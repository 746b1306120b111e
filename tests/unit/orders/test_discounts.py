"""What promotions take off a bill, and how they say so."""

from collections import Counter
from datetime import time
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.orders.promotions.bill import Bill, Item
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


def told(*promotions: Promotion, of: Bill, codes: tuple[str, ...] = ()) -> list[tuple[str, int]]:
    """Reasons and amounts."""
    found = discounts(promotions, of, codes, NOON)
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
    weekend = HappyHour(20, time(11), time(14), frozenset({3, 6}))
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
    (found,) = discounts([LUNCH], of, (), NOON)
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


SCOPES = st.sampled_from([Scope(), FOOD, WATER, Scope(categories=frozenset({"Food", "Drinks"}))])
PARTS = st.builds(
    BundlePart,
    st.sampled_from([FOOD, WATER, Scope(categories=frozenset({"Food", "Drinks"}))]),
    st.integers(1, 3),
)
OFF = st.one_of(st.builds(Percentage, st.integers(1, 100)), st.builds(Amount, st.integers(1, 3000)))
HOURS = st.builds(HappyHour, st.integers(1, 100), st.just(time(11)), st.just(time(14)))
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
        found.append(Promotion(f"p{number}", f"Promotion {number}", terms, scope, least))
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
def test_what_is_paid_is_never_less_than_nothing_and_no_line_has_two_promotions(
    promotions: list[Promotion], of: Bill, codes: set[str]
) -> None:
    found = discounts(promotions, of, tuple(codes), NOON)
    assert all(discount.amount > 0 for discount in found)
    assert 0 <= of.total - sum(discount.amount for discount in found) <= of.total
    totals = {one.line_id: one.total for one in of.items}
    lines = Counter(discount.line_id for discount in found if discount.line_id)
    assert all(times == 1 for times in lines.values())
    assert all(
        discount.amount <= totals[discount.line_id] for discount in found if discount.line_id
    )
    by_id = {promotion.id: promotion for promotion in promotions}
    whole = [one for one in found if not isinstance(by_id[one.promotion_id].terms, Bundle)]
    assert sum(1 for one in whole if not one.line_id) <= 1


@given(offers(), bills(), st.randoms(use_true_random=False))
def test_neither_the_order_of_promotions_nor_that_of_lines_matters(
    promotions: list[Promotion], of: Bill, random: Random
) -> None:
    def paid(found: tuple[Discount, ...]) -> int:
        return of.total - sum(discount.amount for discount in found)

    here = discounts(promotions, of, ("ONE",), NOON)
    shuffled = random.sample(promotions, len(promotions))
    assert discounts(shuffled, of, ("ONE",), NOON) == here
    mixed = Bill(tuple(random.sample(of.items, len(of.items))), of.total, of.currency)
    assert paid(discounts(promotions, mixed, ("ONE",), NOON)) == paid(here)
