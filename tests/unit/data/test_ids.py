"""Ids: UUIDv7, typed where people see them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.data.ids import IdFactory, from_id, to_id, uuid7

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_uuid7_says_its_version_variant_and_time() -> None:
    made = uuid7(1_700_000_000_123, b"\xff" * 10)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == 1_700_000_000_123


def test_later_ids_sort_after_earlier_ones() -> None:
    earlier = IdFactory(lambda: NOON, lambda size: b"\xff" * size).new()
    later = IdFactory(lambda: NOON + timedelta(milliseconds=1), lambda size: b"\0" * size).new()
    assert earlier < later


def test_ids_of_one_instant_differ() -> None:
    factory = IdFactory(lambda: NOON)
    assert len({factory.new() for _ in range(1000)}) == 1000


def test_the_api_form_reads_back() -> None:
    value = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert to_id("ord", value) == "ord_01890a5dac96774bbcceb302099a8057"
    assert from_id("ord", to_id("ord", value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord",
        "ord_",
        "quo_01890a5dac96774bbcceb302099a8057",
        "01890a5dac96774bbcceb302099a8057",
        "ord_01890a5dac96774bbcceb302099a80",
        "ord_01890a5dac96774bbcceb302099a805z",
        "ord_01890a5d-ac96-774b-bcce-b302099a8057",
        "ord_{1890a5dac96774bbcceb302099a805}",
        "ord_01890A5DAC96774BBCCEB302099A8057",
    ],
)
def test_what_is_not_an_id_of_the_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        from_id("ord", text)
