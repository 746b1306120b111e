"""What `maitred jobs` shows and does, by the worker's role in the database.

It works while no worker lives: that is when people most want to see what waits.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.assembly.refusal import Refusal
from services.chassis.data.jobs import from_job_id
from services.chassis.data.migrate import SchemaMismatch, check_schema
from services.chassis.data.postgres import Database
from services.worker.convert import from_job, from_schedule, from_state
from services.worker.migrations import SCHEMA
from services.worker.state import JobState
from services.worker.store import JobStore


async def listed(url: str, queue: str, state: JobState | None, limit: int) -> list[dict[str, Any]]:
    """The newest jobs of all tenants, as the API writes them.

    Args:
        url: the worker's database.
        queue: only this one's; empty for all.
        state: only those in it; None for all.
        limit: at most so many.
    """
    async with _store(url) as store:
        jobs = await store.page(None, None, queue, "", state, limit)
    return [_plain(from_job(job)) for job in jobs]


async def scheduled(url: str) -> list[dict[str, Any]]:
    """The schedules workers were last configured with."""
    async with _store(url) as store:
        schedules = await store.schedules()
    now = datetime.now(UTC)
    return [_plain(from_schedule(one, now)) for one in schedules]


async def state(url: str) -> dict[str, Any]:
    """Workers and queues, as `/health/workers` tells of them."""
    async with _store(url) as store:
        return _plain(from_state(await store.workers(), await store.queues()))


async def retried(url: str, names: Sequence[str], *, failed: bool) -> list[int]:
    """Has failed jobs run again; their numbers.

    Args:
        url: the worker's database.
        names: ids, or bare numbers.
        failed: all that failed, too.

    Raises:
        Refusal: one of `names` is none of a failed job; those before it run again.
    """
    async with _store(url) as store:
        numbers = [_number(name) for name in names]
        for number in numbers:
            if not await store.retry(number):
                raise Refusal(f"job {number} has not failed, or there is none of that number.")
        others = await store.failed() if failed else []
        return [*numbers, *[number for number in others if await store.retry(number)]]


@asynccontextmanager
async def _store(url: str) -> AsyncIterator[JobStore]:
    """The jobs of a database.

    Raises:
        Refusal: it does not answer, or is not migrated.
    """
    try:
        async with Database.connect(url, max_size=1) as database:
            async with database.connection() as connection:
                await check_schema(connection, SCHEMA)
            yield JobStore(database)
    except (OSError, SchemaMismatch) as error:
        raise Refusal(f"no jobs can be read: {error}") from error


def _number(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else from_job_id(name)
    except ValueError:
        raise Refusal(f"{name} is no job: `maitred jobs list` shows their ids.") from None


def _plain(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)
