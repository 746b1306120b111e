"""Retrieval, as the tools need it, over gRPC and in the caller's name."""

import logging
from collections.abc import Sequence

import grpc
from maitred.retrieval.v1 import document_pb2, search_service_pb2, search_service_pb2_grpc

from services.chassis.rpc.errors import from_rpc_error
from services.coordinator import convert
from services.coordinator.sessions.serving import Passage
from services.coordinator.tools.ports import KnowledgeUnavailable

_SEARCH_S = 2.0
# What is on the menu is asked of the catalog, which knows what is sold out.
_KINDS = (
    document_pb2.DOCUMENT_KIND_OTHER,
    document_pb2.DOCUMENT_KIND_POLICY,
    document_pb2.DOCUMENT_KIND_FAQ,
)

_log = logging.getLogger(__name__)


class RetrievalClient:
    """`tools.ports.Knowledge` on a channel to retrieval."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._searches = search_service_pb2_grpc.SearchServiceStub(channel)

    async def search(self, query: str, limit: int) -> Sequence[Passage]:
        """As `Knowledge.search`."""
        request = search_service_pb2.SearchRequest(query=query, limit=limit, kinds=_KINDS)
        try:
            response = await self._searches.Search(request, timeout=_SEARCH_S)
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error)
            _log.warning("search_failed", extra={"error": failure.message})
            raise KnowledgeUnavailable(failure.message) from error
        return [_passage(hit) for hit in response.hits]


def _passage(hit: search_service_pb2.Hit) -> Passage:
    similarity = hit.dense_score if hit.HasField("dense_score") else None
    return Passage(convert.citation_of(hit.citation), hit.text, hit.score, similarity)
