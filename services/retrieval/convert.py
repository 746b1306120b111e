"""What the rooms of this service share of the wire."""

from maitred.retrieval.v1 import document_pb2

from services.retrieval.documents.document import DocumentKind

_KINDS = {
    document_pb2.DOCUMENT_KIND_UNSPECIFIED: DocumentKind.OTHER,
    document_pb2.DOCUMENT_KIND_OTHER: DocumentKind.OTHER,
    document_pb2.DOCUMENT_KIND_MENU: DocumentKind.MENU,
    document_pb2.DOCUMENT_KIND_POLICY: DocumentKind.POLICY,
    document_pb2.DOCUMENT_KIND_FAQ: DocumentKind.FAQ,
}
_MESSAGES = {kind: message for message, kind in _KINDS.items()}


def to_kind(message: document_pb2.DocumentKind.ValueType) -> DocumentKind:
    """The kind a message means."""
    return _KINDS[message]


def from_kind(kind: DocumentKind) -> document_pb2.DocumentKind.ValueType:
    """A kind on the wire, never unspecified."""
    return _MESSAGES[kind]
