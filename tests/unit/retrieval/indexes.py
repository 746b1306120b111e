"""Indexes of documents in this process, as the service makes them."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from services.retrieval.documents.chunking import chunk_texts, cut
from services.retrieval.documents.document import DocumentKind, MediaType
from services.retrieval.documents.reading import read
from services.retrieval.embedding import DIMENSIONS, WordEmbedding
from services.retrieval.search.dense import FlatIndex
from services.retrieval.search.index import Question, TenantIndex
from services.retrieval.search.passages import (
    Chunk,
    Hit,
    Indexed,
    IndexedDocument,
    Passage,
    Source,
)
from services.retrieval.search.sparse import TantivyIndex

EMBEDDING = WordEmbedding.load()


def empty() -> TenantIndex:
    return TenantIndex(FlatIndex(DIMENSIONS), TantivyIndex())


def document(
    title: str,
    content: str,
    document_id: UUID | None = None,
    kind: DocumentKind = DocumentKind.POLICY,
    media_type: MediaType = MediaType.MARKDOWN,
) -> IndexedDocument:
    passages = []
    for one in cut(read(media_type, content), kind, EMBEDDING.token_ends):
        chunks = tuple(Chunk(uuid4(), span.start, span.end) for span in one.chunks)
        vectors = EMBEDDING.embed(chunk_texts(title, one))
        passages.append(Indexed(Passage(one.headings, one.text, chunks), vectors))
    return IndexedDocument(Source(document_id or uuid4(), title, title, kind), tuple(passages))


def indexed(documents: Mapping[str, str]) -> TenantIndex:
    index = empty()
    index.replace((), [document(title, content) for title, content in documents.items()], 1)
    return index


def ask(
    index: TenantIndex,
    text: str,
    dense_weight: float = 0.3,
    kinds: frozenset[str] = frozenset(),
    limit: int = 5,
) -> list[Hit]:
    vector = EMBEDDING.embed([text])[0]
    question = Question(text, vector, kinds, dense_weight, limit, 200, 0.2)
    return index.search(question)[0]


def titles(hits: list[Hit]) -> list[str]:
    return [hit.source.title for hit in hits]
