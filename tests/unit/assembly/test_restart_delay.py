"""How long a crashed program waits before it is started again."""

from services.assembly.supervisor import LONGEST_DELAY_S, describe_status, restart_delay


def test_the_delay_doubles_with_every_failure_in_a_row() -> None:
    assert [restart_delay(failures) for failures in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.8]


def test_the_delay_has_a_ceiling() -> None:
    assert restart_delay(100) == LONGEST_DELAY_S


def test_a_status_is_told_in_words() -> None:
    assert describe_status(-9) == "was killed by SIGKILL"
    assert describe_status(3) == "ended with status 3"
