"""maitred.retrieval.v1.DocumentService."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.retrieval.v1 import document_service_pb2, document_service_pb2_grpc

from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.retrieval.documents.convert import (
    document_not_found,
    document_unreadable,
    from_document,
    from_ingestion,
    ingestion_not_found,
    to_draft,
)
from services.retrieval.documents.document import (
    Document,
    Draft,
    Ingestion,
    IngestionState,
    Position,
)
from services.retrieval.documents.reading import read, title_of
from services.retrieval.documents.section import Unreadable
from services.retrieval.documents.store import DocumentStore

Context = grpc.aio.ServicerContext[Any, Any]

_LIST = {"list": "documents"}


class DocumentService(document_service_pb2_grpc.DocumentServiceServicer):
    """Takes documents in; whoever ingests them is told by `sent`.

    Args:
        store: of documents.
        ids: makes them.
        clock: for times of documents.
        tokens: of pages.
        sent: called when a document waits to be ingested.
        changed: told a tenant and a generation of its index that was answered.
    """

    def __init__(
        self,
        store: DocumentStore,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
        sent: Callable[[], None],
        changed: Callable[[UUID, int], None],
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._tokens = tokens
        self._sent = sent
        self._changed = changed

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.retrieval.v1.DocumentService",
            document_service_pb2_grpc.add_DocumentServiceServicer_to_server,
            self,
        )

    async def CreateDocument(
        self, request: document_service_pb2.CreateDocumentRequest, context: Context
    ) -> document_service_pb2.CreateDocumentResponse:
        draft = await _readable(to_draft(request))
        answer = await self._store.send(
            scope_of(current().principal, "CreateDocument", request.request_id),
            keyless(request),
            draft,
            self._ids.new,
            self._clock(),
            _answer,
        )
        self._sent()
        tell_replayed(context, answer)
        return document_service_pb2.CreateDocumentResponse.FromString(answer.body)

    async def GetDocument(
        self, request: document_service_pb2.GetDocumentRequest, context: Context
    ) -> document_service_pb2.GetDocumentResponse:
        document = await self._store.get(
            current().principal.tenant_id, from_id("doc", request.document_id)
        )
        if document is None:
            raise document_not_found(request.document_id)
        return document_service_pb2.GetDocumentResponse(document=from_document(document))

    async def ListDocuments(
        self, request: document_service_pb2.ListDocumentsRequest, context: Context
    ) -> document_service_pb2.ListDocumentsResponse:
        position = self._tokens.decode(request.page_token, _LIST)
        after = Position(str(position[0]), UUID(str(position[1]))) if position else None
        size = page_size(request.page_size)
        found = await self._store.page(current().principal.tenant_id, after, size + 1)
        page = found[:size]
        more = len(found) > size
        return document_service_pb2.ListDocumentsResponse(
            documents=map(from_document, page),
            next_page_token=(
                self._tokens.encode([page[-1].title, page[-1].document_id.hex], _LIST)
                if more
                else ""
            ),
        )

    async def DeleteDocument(
        self, request: document_service_pb2.DeleteDocumentRequest, context: Context
    ) -> document_service_pb2.DeleteDocumentResponse:
        tenant_id = current().principal.tenant_id
        generation = await self._store.delete(
            tenant_id, from_id("doc", request.document_id), self._clock()
        )
        if generation is None:
            raise document_not_found(request.document_id)
        self._changed(tenant_id, generation)
        return document_service_pb2.DeleteDocumentResponse(generation=generation)

    async def GetIngestion(
        self, request: document_service_pb2.GetIngestionRequest, context: Context
    ) -> document_service_pb2.GetIngestionResponse:
        tenant_id = current().principal.tenant_id
        ingestion = await self._store.ingestion(tenant_id, from_id("ing", request.ingestion_id))
        if ingestion is None:
            raise ingestion_not_found(request.ingestion_id)
        if ingestion.state is IngestionState.FINISHED:
            self._changed(tenant_id, ingestion.generation)
        return document_service_pb2.GetIngestionResponse(ingestion=from_ingestion(ingestion))


async def _readable(draft: Draft) -> Draft:
    """The document with its title. Raises Failure DOCUMENT_UNREADABLE, naming the field."""
    for field, text in (("title", draft.title), ("source", draft.source)):
        if "\0" in text:
            raise document_unreadable(field, Unreadable("it holds a NUL character"))
    try:
        sections = await asyncio.to_thread(read, draft.media_type, draft.content)
    except Unreadable as problem:
        raise document_unreadable("content", problem) from problem
    return replace(draft, title=title_of(draft, sections))


def _answer(document: Document, ingestion: Ingestion) -> bytes:
    return document_service_pb2.CreateDocumentResponse(
        document=from_document(document), ingestion=from_ingestion(ingestion)
    ).SerializeToString()
