"""What can be ordered at a moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from services.orders.catalog.model import Catalog, Category, InvalidCatalog, Product
from services.orders.catalog.serving import Served, Stock, serve
from services.orders.hours import Hours, Window

LUNCH = Window(Hours(time(11), time(14)))
NIGHT = Window(Hours(time(22), time(2), frozenset({5})))
DECEMBER = Window(Hours(time(0), time(0)), date(2026, 12, 1), date(2026, 12, 24))
MENU = Catalog(
    "EUR",
    "en",
    (
        Product("soup", "Soup", "Lunch"),
        Product("stew", "Stew", "Lunch", windows=(Window(Hours(time(13), time(18))),)),
        Product("toast", "Toast", "Night"),
        Product("punch", "Punch", windows=(DECEMBER,)),
        Product("water", "Water"),
        Product("cake", "Cake", available=False, windows=(LUNCH,)),
    ),
    categories=(Category("Lunch", windows=(LUNCH,)), Category("Night", windows=(NIGHT,))),
    time_zone="Europe/Berlin",
)


def had(served: Served) -> set[str]:
    return {product.id for product in served.catalog.products if product.available}


def at(*of: int) -> set[str]:
    """What can be had at a time in UTC; Berlin is an hour ahead in winter, two in summer."""
    return had(serve(MENU, Stock(), datetime(*of, tzinfo=UTC)))  # type: ignore[arg-type, misc]


def test_hours_are_those_at_the_counter() -> None:
    assert "soup" not in at(2026, 11, 18, 9, 59)
    assert "soup" in at(2026, 11, 18, 10, 0)
    assert "soup" in at(2026, 7, 15, 9, 0)
    assert "soup" not in at(2026, 11, 18, 13, 0)


def test_a_product_is_served_when_its_own_and_its_categorys_windows_are_open() -> None:
    assert at(2026, 11, 18, 12, 30) == {"soup", "stew", "water"}
    assert at(2026, 11, 18, 15, 0) == {"water"}


def test_hours_past_midnight_belong_to_the_day_they_began() -> None:
    friday = (2026, 11, 20)
    assert "toast" in at(*friday, 21, 30)
    assert "toast" in at(2026, 11, 21, 0, 30)
    assert "toast" not in at(2026, 11, 21, 21, 30)
    assert "toast" not in at(*friday, 0, 30)


def test_days_bound_a_window() -> None:
    assert "punch" not in at(2026, 11, 30, 22, 59)
    assert "punch" in at(2026, 11, 30, 23, 0)
    assert "punch" in at(2026, 12, 24, 22, 59)
    assert "punch" not in at(2026, 12, 24, 23, 0)


def test_what_has_run_out_cannot_be_had_at_any_time() -> None:
    lunch = datetime(2026, 11, 18, 11, tzinfo=UTC)
    served = serve(MENU, Stock(frozenset({"soup", "water"}), frozenset({"soup"})), lunch)
    assert had(served) == {"water"}
    assert served.closed == {"soup", "stew", "toast", "punch"}
    assert served.why_not("soup") == "is sold out"
    assert served.why_not("stew") == "is served 13:00 to 18:00"
    assert served.why_not("cake") == "is sold out"


def test_nothing_new_is_made_while_nothing_opens_or_closes() -> None:
    first = serve(MENU, Stock(), datetime(2026, 11, 18, 10, 1, tzinfo=UTC))
    assert serve(MENU, Stock(), datetime(2026, 11, 18, 11, 0, tzinfo=UTC), first) is first
    assert serve(MENU, Stock(), datetime(2026, 11, 18, 12, 0, tzinfo=UTC), first) is not first


def test_a_catalog_served_whole_is_the_one_that_was_written() -> None:
    plain = Catalog("EUR", "en", (Product("water", "Water"),))
    assert serve(plain, Stock(), datetime(2026, 1, 1, tzinfo=UTC)).catalog is plain
    assert not plain.has_windows
    assert MENU.has_windows


def test_a_catalog_tells_all_that_is_wrong_with_its_terms() -> None:
    backwards = Window(Hours(time(0), time(0)), date(2026, 12, 24), date(2026, 12, 1))
    with pytest.raises(InvalidCatalog) as caught:
        replace(
            MENU,
            products=(Product("water", "Water", tax_rate=10_001, windows=(backwards,)),),
            categories=(Category("A"), Category("A"), Category(" ", tax_rate=-1)),
            default_tax_rate=20_000,
        )
    assert len(caught.value.problems) == 6
