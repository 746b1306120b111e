"""`maitred jobs list` on terminals narrow and wide."""

from typing import Any

import pytest

from services.assembly.cli.jobs import print_jobs

RUNNING: dict[str, Any] = {
    "job_id": "job_00000000000000000000000000000fff",
    "task": "orders.transfer_catalog",
    "queue": "ingestion",
    "state": "JOB_STATE_RUNNING",
    "attempts": 2,
    "progress": {"done": "1200", "total": "4000", "note": "products"},
    "create_time": "2026-07-01T18:30:05.123456Z",
}
FAILED: dict[str, Any] = {
    "job_id": "job_0000000000000000000000000001e240",
    "task": "learning.refresh_trust",
    "queue": "analysis",
    "state": "JOB_STATE_FAILED",
    "attempts": 5,
    "error": "LockNotAvailableError",
    "create_time": "2026-07-01T12:00:00Z",
}


def lines(capsys: pytest.CaptureFixture[str], width: int | None) -> list[str]:
    print_jobs([FAILED, RUNNING], width)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_at_80_columns_a_job_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    heads, _, *jobs = lines(capsys, 80)
    assert heads.split()[:4] == ["job", "task", "status", "deferred"]
    for line, words in zip(
        jobs,
        (
            ("123456", "learning.refresh_trust", "failed", "07-01 12:00", "LockNotAvail"),
            ("4095", "orders.transfer_catalog", "running", "07-01 18:30", "1200/4000 pr"),
        ),
        strict=True,
    ):
        assert len(line) <= 80
        assert all(word in line for word in words), line


@pytest.mark.parametrize("width", [64, 60, 20])
def test_where_there_is_no_room_for_details_none_are_told(
    capsys: pytest.CaptureFixture[str], width: int
) -> None:
    _, _, failed, running = lines(capsys, width)
    assert failed.endswith("07-01 12:00"), failed
    assert running.endswith("07-01 18:30"), running


@pytest.mark.parametrize("width", [140, None])
def test_with_room_all_of_a_job_is_told(
    capsys: pytest.CaptureFixture[str], width: int | None
) -> None:
    _, _, failed, running = lines(capsys, width)
    assert len(failed) <= 140
    for line, words in (
        (failed, ("123456", "refresh_trust", "analysis", "failed", "5", "LockNotAvailableError")),
        (running, ("4095", "transfer_catalog", "ingestion", "running", "1200/4000 products")),
    ):
        assert all(word in line for word in words), line
