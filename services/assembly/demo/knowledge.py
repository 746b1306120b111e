"""What the demo tenants know: house rules, questions, opening hours, and their menus."""

import json
from collections.abc import Iterator
from pathlib import Path

from maitred.retrieval.v1.document_pb2 import (
    DOCUMENT_KIND_FAQ,
    DOCUMENT_KIND_MENU,
    DOCUMENT_KIND_POLICY,
)
from maitred.retrieval.v1.document_service_pb2 import CreateDocumentRequest

from services.assembly.ingestion import MEDIA_TYPES
from services.assembly.menu import SOURCE, TITLE, menu_document

DOCUMENTS = Path(__file__).parent / "documents"
_WRITTEN = {
    "policies.md": DOCUMENT_KIND_POLICY,
    "faq.md": DOCUMENT_KIND_FAQ,
    "visit.json": DOCUMENT_KIND_POLICY,
}
_TITLES = {"visit.json": "Address, telephone and holidays"}


def documents_of(tenant: str, catalog: str) -> Iterator[CreateDocumentRequest]:
    """A tenant's documents.

    Args:
        tenant: the name of its folder.
        catalog: its catalog in JSON.
    """
    for name, kind in _WRITTEN.items():
        path = DOCUMENTS / tenant / name
        yield CreateDocumentRequest(
            title=_TITLES.get(name, ""),
            kind=kind,
            source=name,
            media_type=MEDIA_TYPES[path.suffix],
            content=path.read_text(encoding="utf-8"),
        )
    yield CreateDocumentRequest(
        title=TITLE,
        kind=DOCUMENT_KIND_MENU,
        source=SOURCE,
        media_type=MEDIA_TYPES[".json"],
        content=menu_document(json.loads(catalog)),
    )
