"""maitred.retrieval.v1.SearchService."""

import asyncio
from concurrent.futures import Executor
from typing import Any

import grpc
from maitred.retrieval.v1 import search_service_pb2, search_service_pb2_grpc

from services.chassis.rpc.call import current
from services.chassis.rpc.server import ServicerBinding
from services.retrieval.convert import to_kind
from services.retrieval.embedding import WordEmbedding
from services.retrieval.search.convert import from_hit
from services.retrieval.search.index import Question, TenantIndex
from services.retrieval.search.passages import Hit
from services.retrieval.search.replicas import Replicas

Context = grpc.aio.ServicerContext[Any, Any]

_DEFAULT_LIMIT = 5


class SearchService(search_service_pb2_grpc.SearchServiceServicer):
    """Searches this process's copies of the indexes.

    Args:
        replicas: the copies.
        embedding: of the indexes.
        pool: threads to search in.
        dense_weight: of meaning against words where a request names none.
        candidates: pieces each of meaning and words may put forward.
        least_cosine: what is farther is not found by meaning.
    """

    def __init__(
        self,
        replicas: Replicas,
        embedding: WordEmbedding,
        pool: Executor,
        dense_weight: float,
        candidates: int,
        least_cosine: float,
    ) -> None:
        self._replicas = replicas
        self._embedding = embedding
        self._pool = pool
        self._dense_weight = dense_weight
        self._candidates = candidates
        self._least_cosine = least_cosine

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.retrieval.v1.SearchService",
            search_service_pb2_grpc.add_SearchServiceServicer_to_server,
            self,
        )

    async def Search(
        self, request: search_service_pb2.SearchRequest, context: Context
    ) -> search_service_pb2.SearchResponse:
        index = await self._replicas.current(current().principal.tenant_id)
        hits, generation = await asyncio.get_running_loop().run_in_executor(
            self._pool, self._search, index, request
        )
        return search_service_pb2.SearchResponse(hits=map(from_hit, hits), generation=generation)

    def _search(
        self, index: TenantIndex, request: search_service_pb2.SearchRequest
    ) -> tuple[list[Hit], int]:
        weighed = request.HasField("dense_weight")
        return index.search(
            Question(
                text=request.query,
                vector=self._embedding.embed([request.query])[0],
                kinds=frozenset(map(to_kind, request.kinds)),
                dense_weight=request.dense_weight if weighed else self._dense_weight,
                limit=request.limit or _DEFAULT_LIMIT,
                candidates=self._candidates,
                least_cosine=self._least_cosine,
            )
        )
