"""What a process remembers of the quotes it made."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.orders.quotes.quote import StoredQuote
from services.orders.quotes.recent import RecentQuotes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=10)
TENANT, OTHER = UUID(int=1), UUID(int=2)


def quote(number: int, made: datetime = NOW, size: int = 300) -> StoredQuote:
    return StoredQuote(
        quote_id=UUID(int=number),
        principal_id="gst_1",
        cart=bytes(size),
        create_time=made,
        expire_time=made + LIFETIME,
        signature=bytes(32),
    )


def test_a_quote_is_remembered_until_it_is_taken() -> None:
    recent = RecentQuotes()
    kept = quote(1)
    recent.keep(TENANT, kept)
    assert recent.take(TENANT, kept.quote_id) is kept
    assert recent.take(TENANT, kept.quote_id) is None


def test_a_quote_is_its_tenants() -> None:
    recent = RecentQuotes()
    recent.keep(TENANT, quote(1))
    assert recent.take(OTHER, UUID(int=1)) is None
    assert recent.take(TENANT, UUID(int=1)) is not None


def test_what_has_run_out_is_forgotten_when_the_next_one_is_made() -> None:
    recent = RecentQuotes()
    recent.keep(TENANT, quote(1))
    recent.keep(OTHER, quote(2, NOW + LIFETIME / 2))
    recent.keep(TENANT, quote(3, NOW + LIFETIME))
    assert recent.take(TENANT, UUID(int=1)) is None
    assert recent.take(OTHER, UUID(int=2)) is not None
    assert recent.take(TENANT, UUID(int=3)) is not None


def test_the_oldest_make_room_by_their_bytes() -> None:
    recent = RecentQuotes(most_bytes=4096)
    for number in range(3):
        recent.keep(TENANT, quote(number, size=500))
    assert recent.take(TENANT, UUID(int=0)) is None
    assert recent.take(TENANT, UUID(int=1)) is not None
    # What was taken leaves its place.
    recent.keep(TENANT, quote(3, size=500))
    assert recent.take(TENANT, UUID(int=2)) is not None
    assert recent.take(TENANT, UUID(int=3)) is not None


def test_one_that_is_larger_than_all_of_it_is_not_remembered() -> None:
    recent = RecentQuotes(most_bytes=2048)
    recent.keep(TENANT, quote(1))
    recent.keep(TENANT, quote(2, size=2048))
    assert recent.take(TENANT, UUID(int=1)) is None
    assert recent.take(TENANT, UUID(int=2)) is None
    recent.keep(TENANT, quote(3))
    assert recent.take(TENANT, UUID(int=3)) is not None
