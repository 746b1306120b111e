"""When a job that failed runs again."""

from datetime import timedelta

import pytest

from services.chassis.data.jobs import Retry, from_job_id, to_job_id

RETRY = Retry(attempts=8, first=timedelta(seconds=10), longest=timedelta(minutes=5))


def test_waits_double_up_to_the_longest() -> None:
    waits = [RETRY.wait(attempt, 1.0) for attempt in range(1, 8)]
    assert [wait.total_seconds() for wait in waits if wait] == [10, 20, 40, 80, 160, 300, 300]


@pytest.mark.parametrize("attempt", range(1, 8))
def test_jitter_takes_off_half_at_most(attempt: int) -> None:
    least, most = RETRY.wait(attempt, 0.0), RETRY.wait(attempt, 1.0)
    assert least is not None
    assert most is not None
    assert least == most / 2


def test_after_the_last_attempt_there_is_no_other() -> None:
    assert RETRY.wait(8, 0.5) is None
    assert Retry(attempts=1).wait(1, 0.5) is None


def test_a_great_many_attempts_do_not_overflow() -> None:
    assert Retry(attempts=10_000).wait(9_999, 1.0) == timedelta(hours=1)


def test_a_jobs_id_is_its_number() -> None:
    assert to_job_id(1742) == "job_000000000000000000000000000006ce"
    assert from_job_id(to_job_id(1742)) == 1742
