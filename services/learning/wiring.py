"""The composition root of the learning service."""

from services.chassis.data.consumer import Consumer
from services.chassis.data.expiry import Expiry
from services.chassis.data.idempotency import IdempotencyKeys, delete_expired_keys
from services.chassis.data.ids import IdFactory
from services.chassis.data.migrate import check_schema
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.pages import PageTokens
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.learning.config import LearningConfig
from services.learning.consumer import Learner
from services.learning.events import READ
from services.learning.metrics import LearningMetrics
from services.learning.migrations import SCHEMA
from services.learning.running import CycleRunner
from services.learning.service import CycleService, RecommendationService, TrustService
from services.learning.store import CycleStore, LearningStore


async def build(config: LearningConfig, resources: Resources) -> Component:
    """The service on its database; it learns as long as there is a Redis to read events from.

    Raises:
        ValueError: no database or no Redis is configured.
        SchemaMismatch: the database is not migrated.
    """
    database, redis, clock = resources.database, resources.redis, resources.clock
    if database is None or redis is None:
        raise ValueError("learning needs a database and a Redis")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    ids = IdFactory(clock, resources.random.randbytes)
    tokens = PageTokens(config.page_token_key)
    expiry = Expiry(database, clock, (delete_expired_keys("learning"),))
    keys = IdempotencyKeys(database, "learning", expiry.served)
    notifier = OutboxNotifier(config.database_url)
    metrics = LearningMetrics(resources.telemetry.registry)
    policy = config.policy
    store = LearningStore(database)
    learner = Learner(
        store, policy, ids, clock, metrics, is_tracking=config.is_enabled and config.is_tracking
    )
    consumer = Consumer(
        name="learning",
        schema="learning",
        types=READ,
        effect=learner,
        database=database,
        redis=redis,
        clock=clock,
        metrics=resources.telemetry.consumers,
        chance=resources.random.random,
    )
    cycles = CycleStore(database, keys, store)
    services = (
        TrustService(store, policy, ids, clock, notifier.committed),
        RecommendationService(store, tokens),
        CycleService(
            cycles,
            CycleRunner(cycles, policy, ids),
            clock,
            tokens,
            notifier.committed,
            metrics,
            config.switched_off,
        ),
    )
    return Component(
        name="learning",
        servicers=tuple(service.binding for service in services),
        loops=(
            Loop("consume", consumer.run),
            Loop("notify", notifier.run),
            Loop("expire", expiry.run),
        ),
        ready=database.ping,
    )
