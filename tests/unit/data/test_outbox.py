"""Where an event goes, and how it is rendered."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.chassis.data.outbox import PARTITIONS, cloud_event, partition_of
from services.chassis.data.streams import Cursor, Reset, StreamEvent, contiguous

EVENT = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_tenants_partition_is_the_first_byte_of_its_hash() -> None:
    for number in range(100):
        tenant = UUID(int=number)
        assert partition_of(tenant) == hashlib.sha256(tenant.bytes).digest()[0] % PARTITIONS


def test_partitions_never_change() -> None:
    """Stored rows and cursors people hold depend on these very numbers."""
    assert [partition_of(UUID(int=number)) for number in range(8)] == [7, 12, 9, 11, 5, 11, 11, 11]


def test_an_event_is_a_cloud_event_on_one_line() -> None:
    body = cloud_event(
        event_id=EVENT,
        source="/orders",
        event_type="maitred.order.v1",
        subject="ord_1",
        time=datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC),
        data={"note": "crème\nbrûlée"},
    )
    assert b"\n" not in body
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "evt_01890a5dac96774bbcceb302099a8057",
        "source": "/orders",
        "type": "maitred.order.v1",
        "subject": "ord_1",
        "time": "2026-11-21T12:00:00.005000Z",
        "datacontenttype": "application/json",
        "data": {"note": "crème\nbrûlée"},
    }


@pytest.mark.parametrize("text", ["0-0", "15-1", "3-123456789012345678"])
def test_a_cursor_reads_back(text: str) -> None:
    assert str(Cursor.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "3", "-1", "16-1", "3-", "3--1", "3-1-0", " 3-1", "٣-1", "3-1\n", "3-" + "9" * 30]
)
def test_what_is_not_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Cursor.parse(text)


def test_cursors_of_a_partition_sort_by_number() -> None:
    assert Cursor(3, 9) < Cursor(3, 10)


def event(seq: int) -> StreamEvent:
    return StreamEvent(Cursor(1, seq), EVENT, "gst_1", "maitred.order.v1", b"{}")


def test_events_in_a_row_pass_unchanged() -> None:
    assert list(contiguous(4, [event(5), event(6)])) == [event(5), event(6)]


def test_a_hole_is_told_before_what_follows_it() -> None:
    found = list(contiguous(4, [event(5), event(9), event(10)]))
    assert found == [event(5), Reset(Cursor(1, 8)), event(9), event(10)]
