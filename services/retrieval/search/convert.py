"""Search between its contract and the domain."""

from maitred.retrieval.v1 import document_pb2, search_service_pb2

from services.chassis.data.ids import to_id
from services.retrieval.convert import from_kind
from services.retrieval.documents.document import DocumentKind
from services.retrieval.search.passages import Hit

LONGEST_QUOTE = 500


def from_hit(hit: Hit) -> search_service_pb2.Hit:
    """A passage that was found, with its citation."""
    source = hit.source
    return search_service_pb2.Hit(
        citation=document_pb2.Citation(
            document_id=to_id("doc", source.document_id),
            title=source.title,
            source=source.source,
            kind=from_kind(DocumentKind(source.kind)),
            chunk_id=to_id("chk", hit.chunk.chunk_id),
            headings=hit.passage.headings,
            quote=_quote(hit.passage.quote(hit.chunk)),
        ),
        text=hit.passage.text,
        score=hit.score,
        dense_score=hit.dense,
        sparse_score=hit.sparse,
    )


def _quote(text: str) -> str:
    """The words, whole ones, as many as a citation holds."""
    if len(text) <= LONGEST_QUOTE:
        return text
    whole = text[: LONGEST_QUOTE + 1].rsplit(maxsplit=1)[0]
    return whole if len(whole) <= LONGEST_QUOTE else text[:LONGEST_QUOTE]
