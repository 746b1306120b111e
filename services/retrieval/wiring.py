"""The composition root of the retrieval service."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from services.chassis.data.expiry import Expiry
from services.chassis.data.idempotency import IdempotencyKeys, delete_expired_keys
from services.chassis.data.ids import IdFactory
from services.chassis.data.migrate import check_schema
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.pages import PageTokens
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.retrieval.config import RetrievalConfig
from services.retrieval.documents.events import IndexEvents
from services.retrieval.documents.jobs import Ingester
from services.retrieval.documents.service import DocumentService
from services.retrieval.documents.store import DELETE_OLD, DocumentStore
from services.retrieval.embedding import DIMENSIONS, WordEmbedding
from services.retrieval.metrics import RetrievalMetrics
from services.retrieval.migrations import SCHEMA
from services.retrieval.search.dense import FlatIndex
from services.retrieval.search.index import TenantIndex
from services.retrieval.search.replicas import Replicas
from services.retrieval.search.service import SearchService
from services.retrieval.search.sparse import TantivyIndex
from services.retrieval.search.store import IndexStore

_SEARCH_THREADS = 2


async def build(config: RetrievalConfig, resources: Resources) -> Component:
    """The service on its database. Once started it stays ready: it searches its own copies.

    Raises:
        ValueError: no database is configured.
        SchemaMismatch: the database is not migrated.
        FileNotFoundError: the weights of the embedding are not installed.
    """
    database, clock = resources.database, resources.clock
    if database is None:
        raise ValueError("retrieval needs a database: set MAITRED_DB_RETRIEVAL_URL")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    embedding = await asyncio.to_thread(WordEmbedding.load)
    ids = IdFactory(clock, resources.random.randbytes)
    metrics = RetrievalMetrics(resources.telemetry.registry)
    pool = resources.stack.enter_context(ThreadPoolExecutor(_SEARCH_THREADS, "search"))
    expiry = Expiry(database, clock, (delete_expired_keys("retrieval"), *DELETE_OLD))
    keys = IdempotencyKeys(database, "retrieval", expiry.served)
    notifier = OutboxNotifier(config.database_url)
    documents = DocumentStore(database, keys, notifier, IndexEvents(ids).changed)
    replicas = Replicas(
        IndexStore(database),
        lambda: TenantIndex(FlatIndex(DIMENSIONS), TantivyIndex()),
        pool,
        time.monotonic,
        config.refresh_s,
        config.indexes_kept,
        metrics,
    )
    ingester = Ingester(
        documents, embedding, ids.new, clock, config.poll_s, replicas.changed, metrics
    )
    services = (
        DocumentService(
            documents,
            ids,
            clock,
            PageTokens(config.page_token_key),
            ingester.sent,
            replicas.changed,
        ),
        SearchService(
            replicas, embedding, pool, config.dense_weight, config.candidates, config.least_cosine
        ),
    )
    return Component(
        name="retrieval",
        servicers=tuple(service.binding for service in services),
        loops=(
            Loop("notify", notifier.run),
            Loop("ingest", ingester.run),
            Loop("expire", expiry.run),
        ),
    )
