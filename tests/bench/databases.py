"""Migrated databases to measure on, and Redis databases beside them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import redis

from tests.support.servers import (
    MigratedDatabase,
    claim_home,
    migrated_copy,
    migrated_template,
    start_servers,
)


@dataclass(frozen=True, slots=True)
class Store:
    """A database with every schema, and an empty Redis database."""

    database: MigratedDatabase
    redis_url: str


@asynccontextmanager
async def stores(count: int) -> AsyncIterator[Sequence[Store]]:
    """Stores apart from each other, on one pair of servers, until the block ends."""
    with ExitStack() as stack:
        # Migrating runs a loop of its own, so it needs a thread of its own.
        yield await asyncio.to_thread(_started, stack, count)


@asynccontextmanager
async def store() -> AsyncIterator[Store]:
    """The only one."""
    async with stores(1) as (one,):
        yield one


def _started(stack: ExitStack, count: int) -> Sequence[Store]:
    servers = stack.enter_context(start_servers(stack.enter_context(claim_home())))
    template = stack.enter_context(migrated_template(servers))
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return [
        Store(
            stack.enter_context(migrated_copy(servers, template, f"bench_{number}")),
            f"{servers.redis_url.rpartition('/')[0]}/{number}",
        )
        for number in range(count)
    ]
