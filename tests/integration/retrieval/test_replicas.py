"""Replicas agree with Postgres, lag behind without lying, and outlive it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import grpc
import pytest_asyncio

from services.chassis.data.postgres import Connection
from tests.integration.retrieval.serving import RetrievalClient, serving, texts
from tests.support.servers import MigratedDatabase, Servers
from tests.support.services import failure, looking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(database: MigratedDatabase) -> AsyncIterator[RetrievalClient]:
    """Another process of the service, which keeps the index of one tenant only."""
    async with serving(database.service_url("retrieval"), indexes_kept=1) as served:
        yield served


@asynccontextmanager
async def away(database: MigratedDatabase, servers: Servers) -> AsyncIterator[None]:
    """The database takes no connections and has dropped those there were."""
    name = urlsplit(database.url).path[1:]
    async with (
        looking(servers.postgres_url) as elsewhere,
        looking(database.service_url("retrieval")) as itself,
    ):
        await elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            await itself.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = $1 AND usename = current_user AND pid <> pg_backend_pid()",
                name,
            )
            yield
        finally:
            await elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def test_every_replica_finds_what_another_took_in(
    client: RetrievalClient, other: RetrievalClient, tenant_id: UUID
) -> None:
    assert (await other.search(tenant_id, "dogs")).generation == 0
    first = await client.ingest(tenant_id, "Dogs are welcome.")
    assert texts(await other.found(tenant_id, "dogs", first.generation)) == ["Dogs are welcome."]
    second = await client.ingest(tenant_id, "Dogs stay outside.")
    assert texts(await other.found(tenant_id, "dogs", second.generation)) == ["Dogs stay outside."]
    generation = await client.delete(tenant_id, second.document_id)
    assert texts(await other.found(tenant_id, "dogs", generation)) == []


async def test_who_was_told_that_an_ingestion_finished_finds_the_document_there(
    client: RetrievalClient, other: RetrievalClient, tenant_id: UUID
) -> None:
    for number in range(5):
        content = f"Dish {number} is served at noon."
        ingestion = await client.ingest(tenant_id, content, f"{number}.md")
        await other.finished(tenant_id, ingestion.ingestion_id)
        assert content in texts(await other.search(tenant_id, f"dish {number}"))


async def test_an_index_crowded_out_of_memory_is_loaded_again(
    client: RetrievalClient, other: RetrievalClient, tenant_id: UUID
) -> None:
    tenants = [tenant_id, uuid4(), uuid4()]
    for number, one in enumerate(tenants):
        await client.ingest(one, f"Table {number} is by the window.")
    for _ in range(2):
        for number, one in enumerate(tenants):
            assert texts(await other.search(one, "table")) == [f"Table {number} is by the window."]


async def test_a_replica_behind_what_is_known_of_changes_reads_its_index_anew(
    client: RetrievalClient, other: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    gone = await client.ingest(tenant_id, "Dogs are welcome.", "dogs.md")
    await other.found(tenant_id, "dogs", gone.generation)
    await client.delete(tenant_id, gone.document_id)
    last = await client.ingest(tenant_id, "Cats are welcome.", "cats.md")
    await sees.execute("DELETE FROM retrieval.changes WHERE tenant_id = $1", tenant_id)
    found = await other.found(tenant_id, "welcome", last.generation)
    assert texts(found) == ["Cats are welcome."]


async def test_search_outlives_the_database_on_its_copy(
    client: RetrievalClient, tenant_id: UUID, database: MigratedDatabase, servers: Servers
) -> None:
    await client.ingest(tenant_id, "Dogs are welcome.")
    before = await client.search(tenant_id, "dogs")
    async with away(database, servers):
        await asyncio.sleep(1.1)  # a copy is believed for a second
        assert await client.search(tenant_id, "dogs") == before
        refused = await failure(client.search(uuid4(), "dogs"))
        assert refused.code is grpc.StatusCode.UNAVAILABLE
    last = await client.ingest(tenant_id, "Cats are welcome.", "cats.md")
    assert len((await client.found(tenant_id, "welcome", last.generation)).hits) == 2
