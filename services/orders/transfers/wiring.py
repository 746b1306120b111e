"""What the worker runs of transfers."""

import time

from services.chassis.data.cache import Cache, CacheServer
from services.chassis.data.idempotency import IdempotencyKeys
from services.chassis.data.jobs import Job, JobSet, Queue, Retry
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.run.lifecycle import Resources
from services.orders.catalog.convert import decode
from services.orders.catalog.store import CatalogStore
from services.orders.config import OrdersConfig
from services.orders.transfers.jobs import Transferring
from services.orders.transfers.store import JOB, TransferStore


def build_jobs(config: OrdersConfig, resources: Resources) -> JobSet:
    """The job of a transfer.

    Raises:
        ValueError: no database is configured.
    """
    database = resources.database
    if database is None:
        raise ValueError("transfers need a database: set MAITRED_DB_ORDERS_URL")
    # Never verified, so it reads the database; what it changes it still makes the others forget.
    cached = CacheServer(
        resources.redis,
        time.monotonic,
        resources.random.randbytes,
        resources.telemetry.caches,
    )
    catalogs = CatalogStore(
        database,
        IdempotencyKeys(database, "orders"),
        Cache("catalog", cached),
        OutboxNotifier(config.database_url),
        decode,
        resources.clock,
    )
    retry = Retry()
    transferring = Transferring(
        TransferStore(database),
        catalogs.current,
        catalogs.change,
        resources.clock,
        retry.attempts,
    )
    return JobSet((Job(JOB, Queue.INGESTION, transferring.run, retry),))
