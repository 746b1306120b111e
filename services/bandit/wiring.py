"""The composition root of the bandit service."""

import asyncio
from datetime import timedelta

from services.bandit.applier import Applier
from services.bandit.config import BanditConfig
from services.bandit.consumer import TYPES, CreditEffect
from services.bandit.copies import PolicyCopies
from services.bandit.metrics import BanditMetrics
from services.bandit.migrations import SCHEMA
from services.bandit.policy import serving_settings
from services.bandit.service import DecisionService, PolicyService
from services.bandit.store import DecisionStore, PolicyStore
from services.chassis.data.batches import Batches
from services.chassis.data.consumer import Consumer
from services.chassis.data.ids import IdFactory
from services.chassis.data.migrate import check_schema
from services.chassis.data.pages import PageTokens
from services.chassis.run.lifecycle import Component, Loop, Resources

# Decisions of concurrent calls gather for this long before they are committed together.
_GROUP_WINDOW_S = 0.003


async def build(config: BanditConfig, resources: Resources) -> Component:
    """The service on its database and the streams its rewards come by.

    It stays ready while the database is away: others can do without a choice, but not tell from a
    replica that is not ready that none is.

    Raises:
        ValueError: no database or no Redis is configured.
        SchemaMismatch: the database is not migrated.
    """
    database, redis, clock = resources.database, resources.redis, resources.clock
    if database is None or redis is None:
        raise ValueError("bandit needs a database and a Redis: MAITRED_DB_BANDIT_URL, REDIS_URL")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    metrics = BanditMetrics(resources.telemetry.registry)
    defaults = serving_settings(timedelta(seconds=config.reward_window_s))
    policies, decisions = PolicyStore(database), DecisionStore(database)
    copies = PolicyCopies(policies, defaults, clock, metrics)
    reported = asyncio.Event()
    consumer = Consumer(
        name="bandit",
        schema="bandit",
        types=TYPES,
        effect=CreditEffect(metrics, reported.set),
        database=database,
        redis=redis,
        clock=clock,
        metrics=resources.telemetry.consumers,
        chance=resources.random.random,
    )
    applier = Applier(database, consumer, clock, metrics, reported, copies.look)
    services = (
        PolicyService(
            policies,
            copies,
            Batches(decisions.record, _GROUP_WINDOW_S),
            defaults,
            IdFactory(clock, resources.random.randbytes),
            clock,
            resources.random,
            metrics,
        ),
        DecisionService(decisions, reported.set, clock, PageTokens(config.page_token_key)),
    )
    return Component(
        name="bandit",
        servicers=tuple(service.binding for service in services),
        loops=(
            Loop("follow", copies.run),
            Loop("consume", consumer.run),
            Loop("apply", applier.run),
        ),
    )
