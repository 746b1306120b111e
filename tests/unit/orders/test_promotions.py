"""When a promotion is on, and which a tenant can have."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from maitred.orders.v1 import promotion_pb2

from services.orders.hours import Hours
from services.orders.promotions.checking import MOST_PROMOTIONS, InvalidPromotion, check
from services.orders.promotions.convert import to_promotion
from services.orders.promotions.promotion import (
    Bundle,
    BundlePart,
    HappyHour,
    Percentage,
    Promotion,
    Scope,
    Stacking,
)
from tests.unit.orders.menus import CATALOG
from tests.unit.orders.offers import FOOD, HAPPY, LUNCH, TENTH_OFF_FOOD, WELCOME

FRIDAY = 5
MORNING = Hours(time(8), time(10))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A day of July 2026, which begins on a Wednesday."""
    return datetime(2026, 7, day, hour, minute, tzinfo=UTC)


def hours(start: str, end: str, *weekdays: int) -> Promotion:
    on = Hours(time.fromisoformat(start), time.fromisoformat(end), frozenset(weekdays))
    return Promotion("hours", "Hours", HappyHour(10, on))


@pytest.mark.parametrize(
    ("local", "on"),
    [(at(1, 14, 59), False), (at(1, 15), True), (at(1, 16, 59), True), (at(1, 17), False)],
)
def test_a_happy_hour_is_on_from_its_start_to_before_its_end(local: datetime, on: bool) -> None:
    assert hours("15:00", "17:00").is_on(local) is on


def test_a_happy_hour_keeps_to_its_days() -> None:
    friday = hours("15:00", "17:00", FRIDAY)
    assert [day for day in range(1, 15) if friday.is_on(at(day, 16))] == [3, 10]


@pytest.mark.parametrize(
    ("local", "on"),
    [
        (at(3, 21, 59), False),
        (at(3, 22), True),
        (at(4, 1, 59), True),
        (at(4, 2), False),
        (at(4, 22), False),
        (at(3, 1), False),
    ],
)
def test_one_past_midnight_belongs_to_the_day_it_began(local: datetime, on: bool) -> None:
    assert hours("22:00", "02:00", FRIDAY).is_on(local) is on


@pytest.mark.parametrize(
    ("instant", "on"),
    [
        # Clocks in Berlin go from 2 to 3 on 29 March, and back from 3 to 2 on 25 October.
        ("2026-03-29T00:59:59Z", False),
        ("2026-03-29T01:00:00Z", False),
        ("2026-03-30T00:00:00Z", True),
        ("2026-10-24T23:59:59Z", False),
        ("2026-10-25T00:00:00Z", True),
        ("2026-10-25T01:59:59Z", True),
        ("2026-10-25T02:00:00Z", False),
    ],
)
def test_hours_are_those_the_clock_shows_on_days_it_is_changed(instant: str, on: bool) -> None:
    night = replace(hours("02:00", "03:00"), last_day=date(2026, 10, 25))
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo("Europe/Berlin"))
    assert night.is_on(local) is on


def test_the_last_day_ends_at_the_counter() -> None:
    day = replace(TENTH_OFF_FOOD, last_day=date(2026, 10, 25))
    berlin = ZoneInfo("Europe/Berlin")
    assert day.is_on(datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC).astimezone(berlin))
    assert not day.is_on(datetime(2026, 10, 25, 23, 0, tzinfo=UTC).astimezone(berlin))


def test_the_last_night_goes_on_past_midnight() -> None:
    last = replace(hours("22:00", "02:00"), last_day=date(2026, 7, 3))
    assert last.is_on(at(4, 1))
    assert not last.is_on(at(4, 22))


def test_a_promotion_is_on_from_its_first_day_to_its_last() -> None:
    july = replace(TENTH_OFF_FOOD, first_day=date(2026, 7, 2), last_day=date(2026, 7, 4))
    assert [day for day in range(1, 10) if july.is_on(at(day, 23))] == [2, 3, 4]


def test_any_promotion_may_keep_to_hours() -> None:
    fridays = Hours(time(22), time(2), frozenset({FRIDAY}))
    some = replace(TENTH_OFF_FOOD, schedule=(MORNING, fridays), last_day=date(2026, 7, 3))
    on = [(day, hour) for day in (2, 3, 4) for hour in (1, 8, 10, 22) if some.is_on(at(day, hour))]
    assert on == [(2, 8), (3, 8), (3, 22), (4, 1)]


@pytest.mark.parametrize("promotion", [TENTH_OFF_FOOD, LUNCH, HAPPY, WELCOME])
def test_a_tenant_can_have_what_makes_sense(promotion: Promotion) -> None:
    check(promotion, [], CATALOG)


@pytest.mark.parametrize(
    ("promotion", "paths"),
    [
        (replace(TENTH_OFF_FOOD, scope=Scope(frozenset({"sushi"}))), ["scope.product_ids"]),
        (replace(TENTH_OFF_FOOD, scope=Scope(categories=frozenset({"Fish"}))),
         ["scope.categories"]),
        (replace(TENTH_OFF_FOOD, first_day=date(2026, 7, 2), last_day=date(2026, 7, 1)),
         ["end_date"]),
        (hours("15:00", "15:00"), ["happy_hour.end_time"]),
        (replace(HAPPY, schedule=(MORNING,)), ["schedule"]),
        (replace(WELCOME, schedule=(MORNING, Hours(time(9), time(9)))), ["schedule[1].end_time"]),
        (replace(LUNCH, stacking=Stacking.STACKS), ["stacking"]),
        (replace(LUNCH, scope=FOOD), ["scope"]),
        (Promotion("one", "One", Bundle((BundlePart(FOOD, 1),), 100)), ["bundle.items"]),
        (Promotion("none", "None", Bundle((BundlePart(Scope(), 2),), 100)),
         ["bundle.items[0].scope"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(promotion: Promotion, paths: list[str]) -> None:
    with pytest.raises(InvalidPromotion) as refused:
        check(promotion, [], CATALOG)
    assert [problem.path for problem in refused.value.problems] == paths


def test_a_code_opens_one_promotion() -> None:
    with pytest.raises(InvalidPromotion, match=r"code\.code: is that of welcome"):
        check(replace(WELCOME, id="other"), [WELCOME], CATALOG)


def test_a_tenant_has_so_many_promotions_and_no_more() -> None:
    others = [Promotion(f"p{n}", "One of many", Percentage(1)) for n in range(MOST_PROMOTIONS)]
    check(TENTH_OFF_FOOD, others[1:], CATALOG)
    with pytest.raises(InvalidPromotion, match="already"):
        check(TENTH_OFF_FOOD, others, CATALOG)


def test_a_date_is_a_day_there_is() -> None:
    message = promotion_pb2.Promotion(
        promotion_id="x",
        percentage=promotion_pb2.PercentageTerms(percent=1),
        start_date="2026-02-30",
    )
    with pytest.raises(InvalidPromotion, match="start_date: 2026-02-30 is no day"):
        to_promotion(message)
