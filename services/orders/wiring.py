"""The composition root of the orders service."""

import time
from datetime import timedelta

from services.chassis.data.cache import Cache, CacheServer
from services.chassis.data.consumer import Consumer
from services.chassis.data.expiry import Expiry
from services.chassis.data.idempotency import IdempotencyKeys, delete_expired_keys
from services.chassis.data.ids import IdFactory
from services.chassis.data.migrate import check_schema
from services.chassis.data.outbox import OutboxNotifier
from services.chassis.data.pages import PageTokens
from services.chassis.run.lifecycle import Component, Loop, Resources
from services.orders.carts.service import CartService
from services.orders.catalog.convert import decode
from services.orders.catalog.service import CatalogService
from services.orders.catalog.store import CatalogStore
from services.orders.config import OrdersConfig
from services.orders.consumer import TYPES, ForgetCopies
from services.orders.migrations import SCHEMA
from services.orders.orders.service import OrderService
from services.orders.orders.store import OrderStore
from services.orders.promotions.convert import decode as decode_promotion
from services.orders.promotions.service import PromotionService
from services.orders.promotions.store import CustomerStore, PromotionStore
from services.orders.quotes.recent import RecentQuotes
from services.orders.quotes.service import QuoteService
from services.orders.quotes.signing import QuoteSigner
from services.orders.quotes.store import DELETE_EXPIRED as DELETE_EXPIRED_QUOTES
from services.orders.quotes.store import QuoteStore
from services.orders.transfers.service import CatalogTransferService
from services.orders.transfers.store import DELETE_OLD as DELETE_OLD_TRANSFERS
from services.orders.transfers.store import TransferStore
from services.orders.webhooks.store import DELETE_EXPIRED as DELETE_EXPIRED_DELIVERIES
from services.orders.webhooks.wiring import build as build_webhooks


async def build(config: OrdersConfig, resources: Resources) -> Component:
    """The service on its database; nothing else is needed to take an order.

    Without Redis, or while it is away, catalogs are read from the database.

    Raises:
        ValueError: no database is configured.
        SchemaMismatch: the database is not migrated.
    """
    database, clock = resources.database, resources.clock
    if database is None:
        raise ValueError("orders needs a database: set MAITRED_DB_ORDERS_URL")
    async with database.transaction() as connection:
        await check_schema(connection, SCHEMA)
    ids = IdFactory(clock, resources.random.randbytes)
    tokens = PageTokens(config.page_token_key)
    expired = (
        *(delete_expired_keys("orders"), DELETE_EXPIRED_QUOTES, DELETE_OLD_TRANSFERS),
        *DELETE_EXPIRED_DELIVERIES,
    )
    expiry = Expiry(database, clock, expired)
    keys = IdempotencyKeys(database, "orders", expiry.served)
    notifier = OutboxNotifier(config.database_url)
    cached = CacheServer(
        resources.redis,
        time.monotonic,
        resources.random.randbytes,
        resources.telemetry.caches,
    )
    await cached.verify()
    catalogs = CatalogStore(database, keys, Cache("catalog", cached), notifier, decode, clock)
    promotions = PromotionStore(
        database, keys, Cache("promotions", cached), notifier, decode_promotion
    )
    consumers = [
        Consumer(
            name="orders-cache",
            schema="orders",
            types=TYPES,
            effect=ForgetCopies(catalogs.invalidate, promotions.invalidate),
            database=database,
            redis=redis,
            clock=clock,
            metrics=resources.telemetry.consumers,
            chance=resources.random.random,
        )
        for redis in [resources.redis]
        if redis is not None
    ]
    customers = CustomerStore(database)
    recent = RecentQuotes()
    signer = QuoteSigner(
        [key or config.page_token_key for key in (config.quote_key, config.quote_key_before)]
    )
    webhooks = build_webhooks(config, resources, database, keys, ids, tokens)
    services = (
        CatalogService(catalogs, tokens, clock),
        PromotionService(promotions, catalogs.current, tokens, clock),
        CartService(catalogs.current, catalogs.stock, promotions.promotions, customers.of, clock),
        QuoteService(
            QuoteStore(database, keys, recent),
            catalogs.current,
            catalogs.stock,
            promotions.promotions,
            customers.of,
            signer,
            ids,
            clock,
            timedelta(seconds=config.quote_lifetime_s),
        ),
        OrderService(
            OrderStore(database, keys, notifier, recent),
            signer,
            ids,
            clock,
            tokens,
            timedelta(seconds=config.cancel_window_s),
        ),
        CatalogTransferService(TransferStore(database), keys, ids, clock, tokens),
        webhooks.service,
    )
    return Component(
        name="orders",
        servicers=tuple(service.binding for service in services),
        loops=(
            Loop("notify", notifier.run),
            Loop("expire", expiry.run),
            Loop("cache", cached.run),
            *(Loop("consume", consumer.run) for consumer in consumers),
            *webhooks.loops,
        ),
        ready=database.ping,
    )
