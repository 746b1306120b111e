"""Whether jobs are looked after."""

import pytest

from services.chassis.data.jobs import Queue
from services.worker.config import WorkerConfig
from services.worker.state import STALL_S, WorkerRow, served_by, verdict

EVERY = [str(queue) for queue in Queue]


def worker(queues: list[str], age_s: float = 0.0, *, is_draining: bool = False) -> WorkerRow:
    return WorkerRow("house:1", queues, 8, age_s, (), is_draining)


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ([], "down"),
        ([worker(EVERY)], "ok"),
        ([worker(EVERY, STALL_S)], "down"),
        ([worker(EVERY[:1]), worker(EVERY[1:])], "ok"),
        ([worker(EVERY[:1]), worker(EVERY[1:], STALL_S + 1)], "degraded"),
        ([worker(EVERY, STALL_S), worker(EVERY)], "ok"),
        ([worker(EVERY, is_draining=True)], "down"),
        ([worker(EVERY, is_draining=True), worker(EVERY[:1])], "degraded"),
    ],
)
def test_the_verdict_counts_queues_that_somebody_alive_serves(
    workers: list[WorkerRow], said: str
) -> None:
    assert verdict(workers) == said


def test_the_dead_and_those_that_drain_serve_nothing() -> None:
    workers = [
        worker(EVERY),
        worker(EVERY, STALL_S),
        worker(["default"]),
        worker(EVERY, is_draining=True),
    ]
    assert served_by("default", workers) == 2
    assert served_by("analysis", workers) == 1


def test_queues_are_named_once_and_known() -> None:
    assert WorkerConfig(queues="analysis, default,analysis").served == (
        Queue.ANALYSIS,
        Queue.DEFAULT,
    )
    assert WorkerConfig(queues="").served == tuple(Queue)
    with pytest.raises(ValueError, match="kitchen"):
        WorkerConfig(queues="kitchen")
