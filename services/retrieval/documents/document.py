"""A document, and its way into the index."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DocumentKind(StrEnum):
    """What a document is about."""

    OTHER = "other"
    MENU = "menu"
    POLICY = "policy"
    FAQ = "faq"


class MediaType(StrEnum):
    """How a document's content is to be read."""

    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    JSON = "application/json"


class IngestionState(StrEnum):
    """Where an ingestion stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a document but its words.

    Attributes:
        chunks: pieces it was cut into; 0 before its first ingestion has finished.
        size_bytes: length of its content in UTF-8.
    """

    document_id: UUID
    title: str
    kind: DocumentKind
    source: str
    media_type: MediaType
    chunks: int
    size_bytes: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Ingestion:
    """A document's way into the index.

    Attributes:
        chunks_done: pieces embedded so far, of `chunks_total`; both 0 while that is not known.
        generation: the index's first generation that holds it; 0 before.
    """

    ingestion_id: UUID
    document_id: UUID
    state: IngestionState = IngestionState.RUNNING
    chunks_done: int = 0
    chunks_total: int = 0
    problem: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as it was sent."""

    title: str
    kind: DocumentKind
    source: str
    media_type: MediaType
    content: str

    @property
    def size_bytes(self) -> int:
        """Length of its content in UTF-8."""
        return len(self.content.encode())


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of documents by title ends."""

    title: str
    document_id: UUID
