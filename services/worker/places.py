"""Which queues a worker takes its next job from."""

from collections.abc import Mapping, Sequence


def open_queues(queues: Sequence[str], running: Mapping[str, int], places: int) -> list[str]:
    """Those that may have one more place: a place is kept for each queue that has none.

    With fewer places than queues all may have one.

    Args:
        queues: that are served.
        running: how many places each has.
        places: all there are, of which one at least is free.
    """
    if places < len(queues):
        return list(queues)
    idle = sum(not running.get(queue) for queue in queues)
    free = places - sum(running.values())
    return [queue for queue in queues if not running.get(queue) or free > idle]
