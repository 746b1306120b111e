"""Documents between their contract and the domain."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.retrieval.v1 import document_pb2, document_service_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import Failure, FieldProblem, invalid, not_found
from services.retrieval.convert import from_kind, to_kind
from services.retrieval.documents.document import (
    Document,
    Draft,
    Ingestion,
    IngestionState,
    MediaType,
)
from services.retrieval.documents.section import Unreadable

_STATES = {
    IngestionState.RUNNING: document_pb2.INGESTION_STATE_RUNNING,
    IngestionState.FINISHED: document_pb2.INGESTION_STATE_FINISHED,
    IngestionState.FAILED: document_pb2.INGESTION_STATE_FAILED,
}


def to_draft(request: document_service_pb2.CreateDocumentRequest) -> Draft:
    """The document a request brings."""
    return Draft(
        title=request.title,
        kind=to_kind(request.kind),
        source=request.source,
        media_type=MediaType(request.media_type),
        content=request.content,
    )


def from_document(document: Document) -> document_pb2.Document:
    """A document's description."""
    return document_pb2.Document(
        document_id=to_id("doc", document.document_id),
        title=document.title,
        kind=from_kind(document.kind),
        source=document.source,
        media_type=document.media_type,
        chunks=document.chunks,
        size_bytes=document.size_bytes,
        create_time=_timestamp(document.create_time),
        update_time=_timestamp(document.update_time),
    )


def from_ingestion(ingestion: Ingestion) -> document_pb2.Ingestion:
    """An ingestion as it stands."""
    return document_pb2.Ingestion(
        ingestion_id=to_id("ing", ingestion.ingestion_id),
        document_id=to_id("doc", ingestion.document_id),
        state=_STATES[ingestion.state],
        chunks_done=ingestion.chunks_done,
        chunks_total=ingestion.chunks_total,
        problem=ingestion.problem,
        generation=ingestion.generation,
    )


def document_not_found(document_id: str) -> Failure:
    """DOCUMENT_NOT_FOUND."""
    return not_found(
        "DOCUMENT_NOT_FOUND", f"There is no document {document_id}.", document_id=document_id
    )


def ingestion_not_found(ingestion_id: str) -> Failure:
    """INGESTION_NOT_FOUND."""
    return not_found(
        "INGESTION_NOT_FOUND", f"There is no ingestion {ingestion_id}.", ingestion_id=ingestion_id
    )


def document_unreadable(field: str, problem: Unreadable) -> Failure:
    """DOCUMENT_UNREADABLE: what is in a field cannot be read."""
    return invalid(
        "DOCUMENT_UNREADABLE",
        f"The document cannot be read: {problem}.",
        [FieldProblem(field, str(problem))],
        problem=str(problem),
    )


def _timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message
