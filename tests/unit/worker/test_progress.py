"""How often progress is written."""

from services.worker.progress import ProgressWriter

Written = list[tuple[int, int, int, str]]


class Stopwatch:
    """A clock that is put forward by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def writer(written: Written, clock: Stopwatch) -> ProgressWriter:
    async def write(number: int, done: int, total: int, note: str) -> None:
        written.append((number, done, total, note))

    return ProgressWriter(7, write, clock)


async def test_it_is_written_at_most_twice_a_second() -> None:
    written: Written = []
    clock = Stopwatch()
    telling = writer(written, clock)
    for done in range(1, 31):
        await telling.tell(done, 30)
        clock.now += 0.125
    assert [done for _, done, _, _ in written] == [1, 5, 9, 13, 17, 21, 25, 29]


async def test_the_last_word_is_written_in_the_end() -> None:
    written: Written = []
    telling = writer(written, Stopwatch())
    await telling.tell(1, 2)
    await telling.tell(2, 2, "done")
    await telling.finish()
    await telling.finish()
    assert written == [(7, 1, 2, ""), (7, 2, 2, "done")]
