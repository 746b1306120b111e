"""Orders, relay and worker in this process, and an owner of webhooks who asks them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import httpx
from maitred.orders.v1 import webhook_pb2, webhook_service_pb2, webhook_service_pb2_grpc

from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.lifecycle import Component, Resources, Target, open_resources
from services.orders.config import OrdersConfig
from services.orders.webhooks.names import SystemNames
from services.orders.webhooks.sending import Resolve
from services.orders.webhooks.wiring import build_jobs
from services.orders.wiring import build as build_orders
from services.relay.config import RelayConfig
from services.relay.wiring import build as build_relay
from services.worker.config import WorkerConfig
from services.worker.wiring import build as build_worker
from tests.integration.orders.serving import OrdersClient
from tests.support.receiver import Receiver
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, Clock, eventually, metadata, running, with_role

ORDERS = "maitred.order.v1"
# Which nobody tells of in these tests, so that only what is sent by hand comes.
QUIET = "maitred.session.v1"
# Attempts follow each other at once, and are given up after three.
QUICK: dict[str, Any] = {
    "webhook_allow_http": True,
    "webhook_allow_private": True,
    "webhook_timeout_s": 1.0,
    "webhook_retry_waits_s": "0,0",
    "webhook_breaker_failures": 100,
}


async def has(receiver: Receiver, count: int) -> None:
    """Returns once so many messages have come."""

    async def is_there() -> bool:
        return len(receiver.messages) >= count

    await eventually(is_there)


class Names:
    """A resolver whose answers can change."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}
        self._system = SystemNames()

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.known[host] if host in self.known else await self._system(host, port)


@dataclass(frozen=True, slots=True)
class Owner:
    """A manager of a tenant, by stubs."""

    orders: OrdersClient
    principal: Principal
    stub: webhook_service_pb2_grpc.WebhookServiceStub = field(init=False)

    def __post_init__(self) -> None:
        stub = webhook_service_pb2_grpc.WebhookServiceStub(self.orders.channel)
        object.__setattr__(self, "stub", stub)

    @property
    def tenant_id(self) -> UUID:
        return self.principal.tenant_id

    async def call(self, name: str, **arguments: Any) -> Any:
        """The answer of an RPC."""
        request = getattr(webhook_service_pb2, f"{name}Request")(**arguments)
        return await getattr(self.stub, name)(request, metadata=metadata(self.principal))

    async def create(
        self, url: str, *event_types: str, **arguments: Any
    ) -> webhook_service_pb2.CreateWebhookResponse:
        response: webhook_service_pb2.CreateWebhookResponse = await self.call(
            "CreateWebhook", url=url, event_types=event_types or [QUIET], **arguments
        )
        return response

    async def get(self, webhook_id: str) -> webhook_pb2.Webhook:
        webhook: webhook_pb2.Webhook = (
            await self.call("GetWebhook", webhook_id=webhook_id)
        ).webhook
        return webhook

    async def deliveries(
        self, webhook_id: str, **arguments: Any
    ) -> list[webhook_pb2.WebhookDelivery]:
        """The first page, newest first."""
        page = await self.call("ListWebhookDeliveries", webhook_id=webhook_id, **arguments)
        return list(page.deliveries)

    async def delivery(self, delivery: webhook_pb2.WebhookDelivery) -> webhook_pb2.WebhookDelivery:
        """The delivery as it is now, with its attempts."""
        found: webhook_pb2.WebhookDelivery = (
            await self.call(
                "GetWebhookDelivery",
                webhook_id=delivery.webhook_id,
                delivery_id=delivery.delivery_id,
            )
        ).delivery
        return found

    async def test(self, webhook_id: str) -> webhook_pb2.WebhookDelivery:
        """A delivery of a test event."""
        delivery: webhook_pb2.WebhookDelivery = (
            await self.call("SendTestEvent", webhook_id=webhook_id)
        ).delivery
        return delivery

    async def settled(
        self,
        delivery: webhook_pb2.WebhookDelivery,
        *statuses: webhook_pb2.WebhookDeliveryStatus.ValueType,
    ) -> webhook_pb2.WebhookDelivery:
        """The delivery once it has come to one of these, or to an end."""
        wanted = statuses or (
            webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED,
            webhook_pb2.WEBHOOK_DELIVERY_STATUS_FAILED,
        )

        async def is_there() -> bool:
            return (await self.delivery(delivery)).status in wanted

        await eventually(is_there)
        return await self.delivery(delivery)


@dataclass(frozen=True, slots=True)
class House:
    """What runs, and the names it knows."""

    orders: OrdersClient
    names: Names
    admin: int

    async def measured(self, series: str) -> float:
        """The value of a series now; 0 before it is there."""
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{self.admin}/metrics")).text
        found = re.search(rf"(?m)^{re.escape(series)} (\S+)$", text)
        return float(found[1]) if found else 0.0

    async def owner(self) -> Owner:
        """The manager of a new coffee bar."""
        tenant_id = await self.orders.open_tenant()
        return Owner(self.orders, with_role(tenant_id, Role.MANAGER))


@asynccontextmanager
async def webhooks(
    database: MigratedDatabase, redis_url: str, *, has_worker: bool = True, **settings: Any
) -> AsyncIterator[House]:
    """The house; `settings` are those of orders, beside `QUICK`."""
    config = OrdersConfig(
        **{
            **SETTINGS,
            "database_url": database.service_url("orders"),
            "redis_url": redis_url,
            **QUICK,
            **settings,
        }
    )
    names = Names()
    relay = {**SETTINGS, "database_url": database.service_url("relay"), "redis_url": redis_url}
    targets = [
        Target("orders", config, build_orders),
        Target("relay", RelayConfig(**relay), build_relay),
    ]
    if has_worker:
        worker = {**SETTINGS, "database_url": database.service_url("worker")}
        targets.append(Target("worker", WorkerConfig(**worker), _worker(config, names)))
    async with (
        running(*targets) as bound,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc['orders']}") as channel,
    ):
        yield House(OrdersClient(channel, Clock()), names, bound.admin)


def _worker(
    orders: OrdersConfig, names: Resolve
) -> Callable[[WorkerConfig, Resources], Awaitable[Component]]:
    async def build(config: WorkerConfig, resources: Resources) -> Component:
        own = await open_resources("orders-jobs", orders, resources.stack, resources.telemetry)
        return await build_worker(config, resources, [build_jobs(orders, own, names)])

    return build
