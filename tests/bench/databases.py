"""A migrated database to measure on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from tests.support.servers import (
    MigratedDatabase,
    claim_home,
    migrated_copy,
    migrated_template,
    start_servers,
)


@asynccontextmanager
async def migrated_database() -> AsyncIterator[MigratedDatabase]:
    """A database with every schema, on a server of its own, until the block ends."""
    with ExitStack() as stack:
        # Migrating runs a loop of its own, so it needs a thread of its own.
        yield await asyncio.to_thread(_started, stack)


def _started(stack: ExitStack) -> MigratedDatabase:
    servers = stack.enter_context(start_servers(stack.enter_context(claim_home())))
    template = stack.enter_context(migrated_template(servers))
    return stack.enter_context(migrated_copy(servers, template, "bench"))
