"""Which queues may have one more of a worker's places."""

from services.worker.places import open_queues

QUEUES = ["default", "ingestion", "analysis", "notifications"]


def test_all_queues_are_open_while_every_one_can_still_have_a_place() -> None:
    assert open_queues(QUEUES, {"notifications": 4}, 8) == QUEUES


def test_the_last_places_are_kept_for_queues_that_have_none() -> None:
    assert open_queues(QUEUES, {"notifications": 5}, 8) == ["default", "ingestion", "analysis"]
    assert open_queues(QUEUES, {"notifications": 5, "default": 1}, 8) == ["ingestion", "analysis"]


def test_a_place_nobody_needs_to_be_kept_is_anybodys() -> None:
    running = {"notifications": 4, "default": 1, "ingestion": 1, "analysis": 1}
    assert open_queues(QUEUES, running, 8) == QUEUES


def test_a_queue_alone_has_all_places() -> None:
    assert open_queues(["notifications"], {"notifications": 7}, 8) == ["notifications"]


def test_with_fewer_places_than_queues_none_are_kept() -> None:
    assert open_queues(QUEUES, {"notifications": 1}, 2) == QUEUES
