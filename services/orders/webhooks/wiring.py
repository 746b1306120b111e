"""What webhooks are made of: in the process that serves orders, and in the worker."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from services.chassis.data.consumer import Consumer
from services.chassis.data.idempotency import IdempotencyKeys
from services.chassis.data.ids import IdFactory
from services.chassis.data.jobs import Job, JobSet, Queue, Retry, Schedule
from services.chassis.data.pages import PageTokens
from services.chassis.data.postgres import FAULTS, Database
from services.chassis.run.lifecycle import Loop, Resources
from services.orders.config import OrdersConfig
from services.orders.webhooks.addresses import Permissions
from services.orders.webhooks.consumer import Dispatcher
from services.orders.webhooks.events import TYPES
from services.orders.webhooks.issuing import SecretIssuer
from services.orders.webhooks.jobs import Deliverer
from services.orders.webhooks.metrics import BacklogMetrics, WebhookMetrics
from services.orders.webhooks.queueing import DELIVER, DeliveryQueue
from services.orders.webhooks.schedule import Schedule as Retries
from services.orders.webhooks.sealing import Seals
from services.orders.webhooks.sending import Resolve, Sender
from services.orders.webhooks.service import Limits, WebhookService
from services.orders.webhooks.settling import Policy
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import Thresholds

_SWEEP = "orders.sweep_webhooks"
_COUNT_EVERY_S = 15.0
# Beyond twice an attempt's time limit: for writing what came of it.
_LEASE_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What the process that serves orders runs of them."""

    service: WebhookService
    loops: tuple[Loop, ...]


def build(
    config: OrdersConfig,
    resources: Resources,
    database: Database,
    keys: IdempotencyKeys,
    ids: IdFactory,
    tokens: PageTokens,
    lookup: Resolve | None = None,
) -> Webhooks:
    """The service, and the consumer that makes deliveries as long as there is a Redis."""
    policy = _policy(config)
    store = WebhookStore(database)
    queue = DeliveryQueue(store, policy)
    service = WebhookService(
        store,
        queue,
        keys,
        _sender(config, lookup),
        SecretIssuer(_seals(config), secrets.token_bytes),
        policy,
        Limits(config.webhook_limit, timedelta(seconds=config.webhook_overlap_s)),
        ids,
        resources.clock,
        tokens,
    )
    backlog = BacklogMetrics(resources.telemetry.registry)
    loops = [Loop("count webhooks", lambda: _count(store, backlog))]
    if resources.redis is not None:
        consumer = Consumer(
            name="webhooks",
            schema="orders",
            types=TYPES,
            effect=Dispatcher(store, queue, ids, resources.clock, policy.kept_for),
            database=database,
            redis=resources.redis,
            clock=resources.clock,
            metrics=resources.telemetry.consumers,
            concerned=store.tenants,
            chance=resources.random.random,
        )
        loops.append(Loop("dispatch webhooks", consumer.run))
    return Webhooks(service, tuple(loops))


def build_jobs(config: OrdersConfig, resources: Resources, lookup: Resolve | None = None) -> JobSet:
    """Attempts, and the look after those that nobody comes for.

    Raises:
        ValueError: no database is configured.
    """
    if resources.database is None:
        raise ValueError("webhooks need a database: set MAITRED_DB_ORDERS_URL")
    policy = _policy(config)
    store = WebhookStore(resources.database)
    deliverer = Deliverer(
        store,
        DeliveryQueue(store, policy),
        _sender(config, lookup),
        _seals(config),
        policy,
        resources.clock,
        resources.random.random,
        WebhookMetrics(resources.telemetry.registry),
    )
    # It writes what it knows before it sends, so running it again is waiting for its lease.
    retry = Retry(attempts=20, first=timedelta(seconds=2), longest=timedelta(minutes=1))
    return JobSet(
        (
            Job(DELIVER, Queue.NOTIFICATIONS, deliverer.deliver, retry),
            Job(_SWEEP, Queue.NOTIFICATIONS, deliverer.sweep),
        ),
        (Schedule("* * * * *", _SWEEP),),
    )


def _policy(config: OrdersConfig) -> Policy:
    return Policy(
        schedule=Retries.parse(config.webhook_retry_waits_s),
        thresholds=Thresholds(
            config.webhook_breaker_failures, timedelta(seconds=config.webhook_breaker_open_s)
        ),
        most_at_once=config.webhook_attempts_at_once,
        lease=timedelta(seconds=2 * config.webhook_timeout_s + _LEASE_MARGIN_S),
        disable_after=timedelta(seconds=config.webhook_disable_after_s),
        kept_for=timedelta(days=config.webhook_kept_days),
    )


def _sender(config: OrdersConfig, lookup: Resolve | None) -> Sender:
    permissions = Permissions(config.webhook_allow_http, config.webhook_allow_private)
    return Sender(permissions, config.webhook_timeout_s, lookup)


def _seals(config: OrdersConfig) -> Seals:
    keys = [key.strip() for key in config.sealing_key.split(",") if key.strip()]
    return Seals(keys or [config.page_token_key], secrets.token_bytes)


async def _count(store: WebhookStore, backlog: BacklogMetrics) -> None:
    while True:
        with suppress(*FAULTS):
            backlog.waiting.set(await store.waiting())
        await asyncio.sleep(_COUNT_EVERY_S)
