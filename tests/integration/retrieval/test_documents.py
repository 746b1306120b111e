"""Documents come in, replace each other, are listed, and go without a trace."""

import json
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf import json_format
from maitred.events.v1 import index_event_pb2
from maitred.retrieval.v1 import document_pb2, document_service_pb2

from services.chassis.data.ids import from_id
from services.chassis.data.postgres import Connection
from services.chassis.rpc.identity import Role
from tests.integration.retrieval.serving import FINISHED, RetrievalClient, texts
from tests.support.services import failure, guest, metadata, with_role

RULES = """# House rules

## Dogs

Dogs are welcome on the terrace.

## Opening hours

We open at eight and close at six.
"""
TABLES = ("documents", "ingestions", "passages", "chunks")


async def rows(sees: Connection, tenant_id: UUID) -> dict[str, int]:
    return {
        table: await sees.fetchval(
            f"SELECT count(*) FROM retrieval.{table} WHERE tenant_id = $1", tenant_id
        )
        for table in TABLES
    }


async def test_a_document_can_be_found_when_its_ingestion_has_finished(
    client: RetrievalClient, tenant_id: UUID
) -> None:
    sent = await client.send(tenant_id, RULES, kind=document_pb2.DOCUMENT_KIND_POLICY)
    assert sent.document.title == "House rules"
    assert sent.ingestion.state == document_pb2.INGESTION_STATE_RUNNING
    ingestion = await client.finished(tenant_id, sent.ingestion.ingestion_id)
    assert (ingestion.state, ingestion.generation) == (FINISHED, 1)
    assert ingestion.chunks_done == ingestion.chunks_total == 2
    answer = await client.search(tenant_id, "When do you open?")
    assert answer.generation == 1
    citation = answer.hits[0].citation
    assert citation == document_pb2.Citation(
        document_id=sent.document.document_id,
        title="House rules",
        source="rules.md",
        kind=document_pb2.DOCUMENT_KIND_POLICY,
        chunk_id=citation.chunk_id,
        headings=["House rules", "Opening hours"],
        quote="We open at eight and close at six.",
    )
    document = await client.get(tenant_id, sent.document.document_id)
    assert (document.chunks, document.size_bytes) == (2, len(RULES))


async def test_the_same_source_again_replaces_the_document(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    first = await client.ingest(tenant_id, RULES)
    second = await client.ingest(tenant_id, RULES.replace("Dogs", "Cats"), title="Animals")
    assert second.document_id == first.document_id
    assert second.generation == first.generation + 1
    assert "Cats are welcome on the terrace." in texts(await client.search(tenant_id, "cats"))
    assert "Dogs are welcome on the terrace." not in texts(await client.search(tenant_id, "dogs"))
    assert (await client.get(tenant_id, first.document_id)).title == "Animals"
    assert (await rows(sees, tenant_id)) == {
        "documents": 1,
        "ingestions": 2,
        "passages": 2,
        "chunks": 2,
    }


async def test_nothing_of_a_deleted_document_is_left(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    kept = await client.ingest(tenant_id, "Cats sleep on the sofa.", "cats.md")
    gone = await client.ingest(tenant_id, RULES)
    assert "Dogs are welcome on the terrace." in texts(await client.search(tenant_id, "dogs"))
    generation = await client.delete(tenant_id, gone.document_id)
    for weight in (0.0, 0.5, 1.0):
        answer = await client.search(tenant_id, "dogs on the terrace", dense_weight=weight)
        assert answer.generation == generation
        assert {hit.citation.document_id for hit in answer.hits} <= {kept.document_id}
    assert await rows(sees, tenant_id) == dict.fromkeys(TABLES, 1)
    assert (await failure(client.get(tenant_id, gone.document_id))).reason == "DOCUMENT_NOT_FOUND"
    again = await failure(client.delete(tenant_id, gone.document_id))
    assert again.code is grpc.StatusCode.NOT_FOUND
    lost = await failure(client.ingestion(tenant_id, gone.ingestion_id))
    assert lost.reason == "INGESTION_NOT_FOUND"


async def test_every_change_of_the_index_is_told_once_and_in_order(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    first = await client.ingest(tenant_id, RULES)
    await client.ingest(tenant_id, RULES + "\nBe nice.\n")
    await client.delete(tenant_id, first.document_id)
    told = await sees.fetch(
        "SELECT type, aggregate_id, payload FROM events.outbox WHERE tenant_id = $1 ORDER BY id",
        tenant_id,
    )
    events = [json.loads(row["payload"]) for row in told]
    assert {(row["type"], row["aggregate_id"]) for row in told} == {
        ("maitred.index.v1", first.document_id)
    }
    data = [json_format.ParseDict(event["data"], index_event_pb2.IndexV1()) for event in events]
    assert [one.generation for one in data] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": 1,}', "line 1: "),
        ("[" * 5000, "nested"),
        ("{}", "no words"),
        (json.dumps({"a": "   "}), "no words"),
    ],
)
async def test_json_that_cannot_be_read_is_refused(
    client: RetrievalClient, tenant_id: UUID, content: str, problem: str
) -> None:
    refused = await failure(client.send(tenant_id, content, media_type="application/json"))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "DOCUMENT_UNREADABLE"
    assert problem in refused.metadata["problem"]
    assert refused.fields[0].field == "content"


async def test_text_that_no_database_holds_is_refused(
    client: RetrievalClient, tenant_id: UUID
) -> None:
    assert (await failure(client.send(tenant_id, "a\0b"))).reason == "DOCUMENT_UNREADABLE"
    by_title = await failure(client.send(tenant_id, "a", title="a\0b"))
    assert by_title.fields[0].field == "title"
    escaped = json.dumps({"name": "ni\0ce \ud800"})
    await client.ingest(tenant_id, escaped, media_type="application/json")
    assert texts(await client.search(tenant_id, "nice")) == ["name: nice ?"]


async def test_a_key_takes_a_document_in_once(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    manager = metadata(with_role(tenant_id, Role.MANAGER))
    request = document_service_pb2.CreateDocumentRequest(
        source="rules.md", media_type="text/markdown", content=RULES, request_id="once"
    )
    first = await client.documents.CreateDocument(request, metadata=manager)
    assert await client.documents.CreateDocument(request, metadata=manager) == first
    assert (await rows(sees, tenant_id))["ingestions"] == 1
    request.content = "Something else."
    other = await failure(client.documents.CreateDocument(request, metadata=manager))
    assert other.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_documents_are_listed_by_title_page_by_page(
    client: RetrievalClient, tenant_id: UUID
) -> None:
    for title in ("Wifi", "Allergens", "Parking", "Parking"):
        await client.send(tenant_id, "Here.", source=str(uuid4()), title=title)
    first = await client.page(tenant_id, page_size=3)
    second = await client.page(tenant_id, page_size=3, page_token=first.next_page_token)
    titles = [document.title for page in (first, second) for document in page.documents]
    assert titles == ["Allergens", "Parking", "Parking", "Wifi"]
    assert len({one.document_id for page in (first, second) for one in page.documents}) == 4
    assert not second.next_page_token


async def test_guests_search_and_nothing_else(client: RetrievalClient, tenant_id: UUID) -> None:
    await client.ingest(tenant_id, RULES)
    refused = await failure(
        client.documents.ListDocuments(
            document_service_pb2.ListDocumentsRequest(), metadata=metadata(guest(tenant_id))
        )
    )
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert (await client.search(tenant_id, "dogs")).hits


async def test_a_tenant_finds_nothing_of_another(client: RetrievalClient, tenant_id: UUID) -> None:
    ingestion = await client.ingest(tenant_id, RULES)
    stranger = uuid4()
    assert not (await client.search(stranger, "dogs")).hits
    assert (await client.page(stranger)).documents == []
    for call in (client.get, client.delete):
        refused = await failure(call(stranger, ingestion.document_id))
        assert refused.reason == "DOCUMENT_NOT_FOUND"
    assert (await client.search(tenant_id, "dogs")).hits


async def test_embeddings_are_kept_with_the_words_they_are_of(
    client: RetrievalClient, tenant_id: UUID, sees: Connection
) -> None:
    ingestion = await client.ingest(tenant_id, RULES)
    kept = await sees.fetch(
        "SELECT substr(p.content, c.start_offset + 1, c.end_offset - c.start_offset) AS words,"
        " length(c.embedding) AS bytes"
        " FROM retrieval.chunks c JOIN retrieval.passages p"
        " ON p.document_id = c.document_id AND p.position = c.passage"
        " WHERE c.tenant_id = $1 AND c.document_id = $2 ORDER BY c.passage",
        tenant_id,
        from_id("doc", ingestion.document_id),
    )
    assert [tuple(row) for row in kept] == [
        ("Dogs are welcome on the terrace.", 512),
        ("We open at eight and close at six.", 512),
    ]
