"""Work that goes on only as long as its lease is renewed."""

import asyncio

import pytest

from services.chassis.data.leases import RENEW_EVERY_S, TERM_S, while_renewed


async def test_the_work_answers_while_its_lease_is_renewed() -> None:
    renewals = asyncio.Semaphore(0)

    async def work() -> str:
        for _ in range(3):
            await renewals.acquire()
        return "done"

    async def renew() -> None:
        renewals.release()

    assert await while_renewed(work(), renew, every_s=0.001) == "done"


async def test_work_that_lost_its_lease_is_cancelled() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def renew() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await while_renewed(work(), renew, every_s=0.001)
    assert ended.is_set()


async def test_a_failure_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    async def renew() -> None:
        raise AssertionError

    with pytest.raises(ZeroDivisionError):
        await while_renewed(work(), renew)


async def test_whoever_waits_for_the_work_ends_it_by_leaving() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def renew() -> None:
        pass

    task = asyncio.ensure_future(while_renewed(work(), renew))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def test_a_lease_outlives_two_renewals_that_fail() -> None:
    assert TERM_S > 3 * RENEW_EVERY_S
