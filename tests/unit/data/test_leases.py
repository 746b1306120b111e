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

    assert await while_renewed(work(), renew, term_s=0.1) == "done"


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
        await while_renewed(work(), renew, term_s=0.01)
    assert ended.is_set()


async def test_a_database_that_is_away_for_a_moment_loses_no_lease() -> None:
    attempts = 0
    renewed = asyncio.Event()

    async def work() -> str:
        await renewed.wait()
        return "done"

    async def renew() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionResetError
        renewed.set()

    assert await while_renewed(work(), renew, term_s=1.0) == "done"


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
async def test_work_ends_with_the_term_of_a_lease_nobody_renews(hangs: bool) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def renew() -> None:
        if hangs:
            await asyncio.Event().wait()
        raise ConnectionResetError

    with pytest.raises(TimeoutError, match="no renewal"):
        await while_renewed(work(), renew, term_s=0.05)
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
