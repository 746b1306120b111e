"""The retrieval service in this process, on a database of its own, and callers it believes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
from maitred.retrieval.v1 import (
    document_pb2,
    document_service_pb2,
    document_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
)

from services.chassis.rpc.identity import Role
from services.chassis.run.lifecycle import Target
from services.retrieval.config import RetrievalConfig
from services.retrieval.wiring import build
from tests.support.services import SETTINGS, guest, metadata, running, with_role

FINISHED = document_pb2.INGESTION_STATE_FINISHED
RUNNING = document_pb2.INGESTION_STATE_RUNNING
MARKDOWN = "text/markdown"
SETTLES_S = 60.0


@dataclass(frozen=True, slots=True)
class RetrievalClient:
    """A running service and how to ask it, as a manager or as a guest."""

    channel: grpc.aio.Channel
    documents: document_service_pb2_grpc.DocumentServiceStub = field(init=False)
    searches: search_service_pb2_grpc.SearchServiceStub = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "documents", document_service_pb2_grpc.DocumentServiceStub(self.channel))
        put(self, "searches", search_service_pb2_grpc.SearchServiceStub(self.channel))

    async def send(
        self, tenant_id: UUID, content: str, source: str = "rules.md", **arguments: Any
    ) -> document_service_pb2.CreateDocumentResponse:
        request = document_service_pb2.CreateDocumentRequest(
            source=source, content=content, **{"media_type": MARKDOWN, **arguments}
        )
        return await self.documents.CreateDocument(request, metadata=_manager(tenant_id))

    async def ingest(
        self, tenant_id: UUID, content: str, source: str = "rules.md", **arguments: Any
    ) -> document_pb2.Ingestion:
        """Sends a document and waits until it can be found."""
        sent = await self.send(tenant_id, content, source, **arguments)
        return await self.finished(tenant_id, sent.ingestion.ingestion_id)

    async def finished(self, tenant_id: UUID, ingestion_id: str) -> document_pb2.Ingestion:
        async with asyncio.timeout(SETTLES_S):
            while (  # noqa: ASYNC110 - nobody tells a caller
                at := await self.ingestion(tenant_id, ingestion_id)
            ).state == RUNNING:
                await asyncio.sleep(0.02)
        return at

    async def ingestion(self, tenant_id: UUID, ingestion_id: str) -> document_pb2.Ingestion:
        response = await self.documents.GetIngestion(
            document_service_pb2.GetIngestionRequest(ingestion_id=ingestion_id),
            metadata=_manager(tenant_id),
        )
        return response.ingestion

    async def get(self, tenant_id: UUID, document_id: str) -> document_pb2.Document:
        response = await self.documents.GetDocument(
            document_service_pb2.GetDocumentRequest(document_id=document_id),
            metadata=_manager(tenant_id),
        )
        return response.document

    async def page(
        self, tenant_id: UUID, **arguments: Any
    ) -> document_service_pb2.ListDocumentsResponse:
        return await self.documents.ListDocuments(
            document_service_pb2.ListDocumentsRequest(**arguments), metadata=_manager(tenant_id)
        )

    async def delete(self, tenant_id: UUID, document_id: str) -> int:
        response = await self.documents.DeleteDocument(
            document_service_pb2.DeleteDocumentRequest(document_id=document_id),
            metadata=_manager(tenant_id),
        )
        return response.generation

    async def search(
        self, tenant_id: UUID, query: str, **arguments: Any
    ) -> search_service_pb2.SearchResponse:
        return await self.searches.Search(
            search_service_pb2.SearchRequest(query=query, **arguments),
            metadata=metadata(guest(tenant_id)),
        )

    async def found(
        self, tenant_id: UUID, query: str, generation: int
    ) -> search_service_pb2.SearchResponse:
        """The answer once it is of a generation: a replica may lag behind for a second."""
        async with asyncio.timeout(SETTLES_S):
            while (  # noqa: ASYNC110 - nobody tells a caller
                answer := await self.search(tenant_id, query)
            ).generation < generation:
                await asyncio.sleep(0.02)
        return answer


def texts(answer: search_service_pb2.SearchResponse) -> list[str]:
    return [hit.text for hit in answer.hits]


def headings(hits: Iterable[search_service_pb2.Hit]) -> list[tuple[str, ...]]:
    return [tuple(hit.citation.headings) for hit in hits]


@asynccontextmanager
async def serving(database_url: str, **settings: Any) -> AsyncIterator[RetrievalClient]:
    """The service, as its process would run it."""
    config = RetrievalConfig(database_url=database_url, **{**SETTINGS, **settings})
    async with (
        running(Target("retrieval", config, build)) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['retrieval']}") as channel,
    ):
        yield RetrievalClient(channel)


def _manager(tenant_id: UUID) -> tuple[tuple[str, str], ...]:
    return metadata(with_role(tenant_id, Role.MANAGER))
