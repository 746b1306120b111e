"""A process that is killed while it takes a document in is followed by another."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import grpc
from maitred.retrieval.v1 import document_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.retrieval.documents.store import ATTEMPTS
from tests.integration.coordinator.serving import some_port
from tests.integration.retrieval.serving import (
    FINISHED,
    RUNNING,
    RetrievalClient,
    serving,
    texts,
)
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY

SERVE = """
from services.chassis.run.lifecycle import Target, run_process
from services.retrieval.config import RetrievalConfig
from services.retrieval.wiring import build
run_process([Target("retrieval", RetrievalConfig(), build)])
"""
LONG = "".join(f"Paragraph {number} is about lunch and little else.\n\n" for number in range(8_000))


@contextmanager
def process(
    database: MigratedDatabase, port: int, folder: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    environment = {
        **os.environ,
        "MAITRED_DB_RETRIEVAL_URL": database.service_url("retrieval"),
        "MAITRED_RETRIEVAL_LISTEN": f"127.0.0.1:{port}",
        "MAITRED_RETRIEVAL_ADMIN_LISTEN": "127.0.0.1:0",
        "MAITRED_MESH_PUBLIC_KEYS": KEY.public_pem,
        "MAITRED_PAGE_TOKEN_KEY": "test",
    }
    with (folder / "retrieval.log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=log)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def progress(sees: Connection, tenant_id: UUID, ingestion_id: str) -> tuple[str, int]:
    row = await sees.fetchrow(
        "SELECT state, chunks_done FROM retrieval.ingestions"
        " WHERE tenant_id = $1 AND ingestion_id = $2",
        tenant_id,
        from_id("ing", ingestion_id),
    )
    assert row is not None
    return row["state"], row["chunks_done"]


async def held_until(sees: Connection, tenant_id: UUID, moment: datetime | None) -> datetime:
    """Lets the lease of what is at work end then, None for in an hour; when it would have."""
    ended: datetime = await sees.fetchval(
        "WITH before AS ("
        " SELECT expire_time FROM retrieval.ingestions WHERE tenant_id = $1 AND state = 'running'"
        ") UPDATE retrieval.ingestions"
        " SET expire_time = coalesce($2, clock_timestamp() + interval '1 hour')"
        " WHERE tenant_id = $1 AND state = 'running' RETURNING (SELECT expire_time FROM before)",
        tenant_id,
        moment,
    )
    return ended


async def test_a_document_whose_process_was_killed_is_taken_in_by_another(
    database: MigratedDatabase, tenant_id: UUID, sees: Connection, tmp_path: Path
) -> None:
    port = some_port()
    with process(database, port, tmp_path) as victim:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await asyncio.wait_for(channel.channel_ready(), 120)
            doomed = RetrievalClient(channel)
            await doomed.ingest(tenant_id, "Dinner is at seven.")
            sent = await doomed.send(tenant_id, LONG)
            async with asyncio.timeout(60):
                while (  # noqa: ASYNC110 - nobody tells a caller
                    await progress(sees, tenant_id, sent.ingestion.ingestion_id)
                )[1] == 0:
                    await asyncio.sleep(0.002)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
    state, done = await progress(sees, tenant_id, sent.ingestion.ingestion_id)
    assert state == "running"
    assert done > 0
    # Long enough to look at what is there before anybody takes over.
    lease = await held_until(sees, tenant_id, None)
    async with serving(database.service_url("retrieval")) as heir:
        assert texts(await heir.search(tenant_id, "paragraph dinner")) == ["Dinner is at seven."]
        left = await heir.ingestion(tenant_id, sent.ingestion.ingestion_id)
        assert left.state == RUNNING
        await held_until(sees, tenant_id, lease)
        ended = await heir.finished(tenant_id, sent.ingestion.ingestion_id)
        assert (ended.state, ended.generation) == (FINISHED, 2)
        answer = await heir.found(tenant_id, "paragraph 77", ended.generation)
        assert all(hit.text.startswith("Paragraph") for hit in answer.hits)
    kept = await sees.fetchval(
        "SELECT count(*) FROM retrieval.chunks WHERE tenant_id = $1", tenant_id
    )
    assert kept == ended.chunks_total


async def test_who_stops_in_the_middle_gives_the_document_back(
    database: MigratedDatabase, tenant_id: UUID, sees: Connection
) -> None:
    async with serving(database.service_url("retrieval")) as stopped:
        sent = await stopped.send(tenant_id, LONG)
        async with asyncio.timeout(60):
            while (  # noqa: ASYNC110 - nobody tells a caller
                await progress(sees, tenant_id, sent.ingestion.ingestion_id)
            )[1] == 0:
                await asyncio.sleep(0.002)
    held = await sees.fetchval(
        "SELECT expire_time > clock_timestamp() FROM retrieval.ingestions"
        " WHERE tenant_id = $1 AND state = 'running'",
        tenant_id,
    )
    assert held is False


async def test_a_document_deleted_while_it_comes_in_leaves_nothing(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    sent = await client.send(tenant_id, LONG, "long.md")
    async with asyncio.timeout(60):
        while (  # noqa: ASYNC110 - nobody tells a caller
            await progress(sees, tenant_id, sent.ingestion.ingestion_id)
        )[1] == 0:
            await asyncio.sleep(0.002)
    await client.delete(tenant_id, sent.document.document_id)
    # One comes in after the other, so the first is over when this one is.
    last = await client.ingest(tenant_id, "Dinner is at seven.", "dinner.md")
    assert texts(await client.search(tenant_id, "paragraph dinner")) == ["Dinner is at seven."]
    left = await sees.fetch(
        "SELECT DISTINCT document_id FROM retrieval.chunks WHERE tenant_id = $1", tenant_id
    )
    assert [row["document_id"] for row in left] == [from_id("doc", last.document_id)]


async def test_a_document_that_nobody_survives_is_given_up(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    sent = await client.ingest(tenant_id, "Dinner is at seven.")
    await sees.execute(
        "UPDATE retrieval.ingestions SET state = 'running', epoch = $2, content = 'x',"
        " expire_time = '-infinity' WHERE tenant_id = $1",
        tenant_id,
        ATTEMPTS,
    )
    ended = await client.finished(tenant_id, sent.ingestion_id)
    assert ended.state == document_pb2.INGESTION_STATE_FAILED
    assert ended.problem == f"Given up after {ATTEMPTS} attempts."


async def test_a_revision_that_comes_late_does_not_undo_a_newer_one(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    old = await client.ingest(tenant_id, "Dinner is at seven.")
    new = await client.ingest(tenant_id, "Dinner is at eight.")
    await sees.execute(
        "UPDATE retrieval.ingestions SET state = 'running', content = 'Dinner is at seven.',"
        " expire_time = '-infinity' WHERE tenant_id = $1 AND ingestion_id = $2",
        tenant_id,
        from_id("ing", old.ingestion_id),
    )
    late = await client.finished(tenant_id, old.ingestion_id)
    assert (late.state, late.generation) == (FINISHED, new.generation)
    assert texts(await client.search(tenant_id, "dinner")) == ["Dinner is at eight."]
