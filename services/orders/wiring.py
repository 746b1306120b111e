"""The composition root of the orders service."""

from datetime import timedelta

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
from services.orders.migrations import SCHEMA
from services.orders.orders.service import OrderService
from services.orders.orders.store import OrderStore
from services.orders.promotions.convert import decode as decode_promotion
from services.orders.promotions.customers import Customers
from services.orders.promotions.service import PromotionService
from services.orders.promotions.store import PromotionStore
from services.orders.quotes.service import QuoteService
from services.orders.quotes.store import DELETE_EXPIRED as DELETE_EXPIRED_QUOTES
from services.orders.quotes.store import QuoteStore
from services.orders.transfers.service import CatalogTransferService
from services.orders.transfers.store import DELETE_OLD as DELETE_OLD_TRANSFERS
from services.orders.transfers.store import TransferStore


async def build(config: OrdersConfig, resources: Resources) -> Component:
    """The service on its database; nothing else is needed to take an order.

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
    expired = (delete_expired_keys("orders"), DELETE_EXPIRED_QUOTES, DELETE_OLD_TRANSFERS)
    expiry = Expiry(database, clock, expired)
    keys = IdempotencyKeys(database, "orders", expiry.served)
    notifier = OutboxNotifier(config.database_url)
    catalogs = CatalogStore(database, keys, decode)
    promotions = PromotionStore(database, keys, decode_promotion)
    customers = Customers(database)
    services = (
        CatalogService(catalogs, tokens, clock),
        PromotionService(promotions, catalogs.current, tokens, clock),
        CartService(catalogs.current, promotions.promotions, customers.of, clock),
        QuoteService(
            QuoteStore(database, keys),
            catalogs.current,
            promotions.promotions,
            customers.of,
            ids,
            clock,
            timedelta(seconds=config.quote_lifetime_s),
        ),
        OrderService(OrderStore(database, keys, notifier), ids, clock, tokens),
        CatalogTransferService(TransferStore(database), keys, ids, clock, tokens),
    )
    return Component(
        name="orders",
        servicers=tuple(service.binding for service in services),
        loops=(Loop("notify", notifier.run), Loop("expire", expiry.run)),
        ready=database.ping,
    )
