"""The whole mesh in this process behind a real gateway, and clients of its HTTP."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import grpc
import httpx
from google.protobuf.json_format import MessageToDict
from maitred.identity.v1 import (
    access_pb2,
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    tenant_pb2,
    tenant_service_pb2,
    tenant_service_pb2_grpc,
)

from gateway.config import GatewayConfig
from gateway.wiring import build as build_gateway
from services.assembly.network import LOOPBACK
from services.bandit.config import BanditConfig
from services.bandit.wiring import build as build_bandit
from services.chassis.rpc.identity import Principal, Role
from services.chassis.run.config import ProcessConfig
from services.chassis.run.lifecycle import Target
from services.coordinator.config import CoordinatorConfig
from services.coordinator.wiring import build as build_coordinator
from services.learning.config import LearningConfig
from services.learning.wiring import build as build_learning
from services.orders.config import OrdersConfig
from services.orders.wiring import build as build_orders
from services.relay.config import RelayConfig
from services.relay.wiring import build as build_relay
from services.retrieval.config import RetrievalConfig
from services.retrieval.wiring import build as build_retrieval
from services.worker.config import WorkerConfig
from services.worker.wiring import build as build_worker
from tests.integration.orders.serving import menu
from tests.support.ports import free_port
from tests.support.servers import MigratedDatabase
from tests.support.services import KEY, metadata, running

ADMIN = Principal(
    tenant_id=UUID(int=0),
    principal_id="svc_tests",
    roles=frozenset({Role.ADMIN}),
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that sells coffee, and keys of its people."""

    tenant_id: str
    slug: str
    manager_key: str
    staff_key: str


@dataclass(slots=True)
class House:
    """A running gateway, all it needs behind it, and ways to make clients."""

    url: str
    grpc_address: str
    admin: int
    names: Iterator[int] = field(default_factory=itertools.count)

    async def open_tenant(self, *, requests_per_minute: int = 0) -> Tenant:
        """A new tenant with a catalog, a manager's key and a staff key."""
        slug = f"cafe-{next(self.names)}-{uuid4().hex[:8]}"
        async with grpc.aio.insecure_channel(self.grpc_address) as channel:
            tenants = tenant_service_pb2_grpc.TenantServiceStub(channel)
            created = await tenants.CreateTenant(
                tenant_service_pb2.CreateTenantRequest(
                    slug=slug, display_name="Café", requests_per_minute=requests_per_minute
                ),
                metadata=metadata(ADMIN),
            )
            manager = await self._key(channel, created.tenant, access_pb2.ROLE_MANAGER)
            staff = await self._key(channel, created.tenant, access_pb2.ROLE_STAFF)
        tenant = Tenant(created.tenant.tenant_id, slug, manager, staff)
        async with self.client(manager) as client:
            catalog = MessageToDict(menu(), preserving_proto_field_name=True)
            imported = await client.post("/api/v1/products:import", json={"catalog": catalog})
            assert imported.status_code == 200, imported.text
        return tenant

    async def _key(
        self,
        channel: grpc.aio.Channel,
        tenant: tenant_pb2.Tenant,
        role: access_pb2.Role.ValueType,
    ) -> str:
        keys = api_key_service_pb2_grpc.ApiKeyServiceStub(channel)
        admin = Principal(UUID(tenant.tenant_id), "svc_tests", frozenset({Role.ADMIN}))
        created = await keys.CreateApiKey(
            api_key_service_pb2.CreateApiKeyRequest(display_name="test", roles=[role]),
            metadata=metadata(admin),
        )
        return created.secret

    def client(
        self, credential: str = "", *, address: str = LOOPBACK, **headers: str
    ) -> httpx.AsyncClient:
        """A client with a bearer credential, or none, that comes from this address."""
        authorization = {"authorization": f"Bearer {credential}"} if credential else {}
        return httpx.AsyncClient(
            base_url=self.url,
            headers={**authorization, **headers},
            timeout=20,
            transport=httpx.AsyncHTTPTransport(local_address=address),
        )

    @asynccontextmanager
    async def guest(self, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
        """A client who is a new guest of the tenant, by bearer token."""
        async with self.client() as client:
            answer = await client.post("/api/v1/auth/guest", json={"tenant": tenant.slug})
            assert answer.status_code == 200, answer.text
        async with self.client(answer.json()["access_token"]) as client:
            yield client


@asynccontextmanager
async def house(
    database: MigratedDatabase, redis_url: str, *, relayed: bool = True, **settings: Any
) -> AsyncIterator[House]:
    """Every target, each as its process would run it.

    Args:
        database: migrated.
        redis_url: of the streams.
        relayed: whether there are a relay, and a worker that knows no jobs but its own.
        settings: of the gateway, where they are not the default.
    """
    ports: dict[str, int] = {}
    for name in "bandit coordinator gateway learning orders relay retrieval worker".split():
        ports[name] = free_port(ports.values())
    peers = {f"{name}_address": f"ipv4:127.0.0.1:{port}" for name, port in ports.items()}

    def config(kind: type[ProcessConfig], name: str, **more: Any) -> ProcessConfig:
        given = {
            "admin_listen": "127.0.0.1:0",
            "database_url": database.service_url(name),
            "redis_url": redis_url,
            "mesh_public_keys": KEY.public_pem,
            "page_token_key": "test",
            "drain_delay_s": 0.0,
            "listen": f"127.0.0.1:{ports.get(name, 0)}",
            **{key: value for key, value in peers.items() if key in kind.model_fields},
        }
        return kind(**{**given, **more})

    gateway = config(
        GatewayConfig,
        "gateway",
        http_listen="127.0.0.1:0",
        mesh_private_key=KEY.private_pem,
        **settings,
    )
    targets = [
        Target("orders", config(OrdersConfig, "orders"), build_orders),
        Target("bandit", config(BanditConfig, "bandit"), build_bandit),
        Target("learning", config(LearningConfig, "learning"), build_learning),
        Target("retrieval", config(RetrievalConfig, "retrieval"), build_retrieval),
        Target("coordinator", config(CoordinatorConfig, "coordinator"), build_coordinator),
        Target("gateway", gateway, build_gateway),
    ]
    if relayed:
        targets[:0] = [
            Target("relay", config(RelayConfig, "relay"), build_relay),
            Target("worker", config(WorkerConfig, "worker"), partial(build_worker, sets=())),
        ]
    async with running(*targets) as bound:
        url = f"http://127.0.0.1:{bound.http['gateway']}"
        yield House(url, f"127.0.0.1:{ports['gateway']}", bound.admin)


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """An event as a browser would see it."""

    id: str
    event: str
    data: Any


class EventReader:
    """Reads the events of one stream; comments and `retry` are left out."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def __aiter__(self) -> AsyncIterator[ServerEvent]:
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                if "data" in fields:
                    yield ServerEvent(
                        fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
                    )
                fields = {}

    async def take(self, count: int) -> list[ServerEvent]:
        """The next so many events."""
        found: list[ServerEvent] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                found.append(await anext(aiter(self)))
        return found


async def order_coffee(client: httpx.AsyncClient, product_id: str = "latte") -> dict[str, Any]:
    """Quotes and places an order of one product."""
    quote = await client.post("/api/v1/quotes", json={"cart": cart(product_id)})
    assert quote.status_code == 200, quote.text
    placed = await client.post(
        "/api/v1/orders",
        json={"quote_id": quote.json()["quote_id"]},
        headers={"idempotency-key": uuid4().hex},
    )
    assert placed.status_code == 200, placed.text
    order: dict[str, Any] = placed.json()
    return order


def cart(product_id: str = "latte", quantity: int = 1) -> Mapping[str, Any]:
    return {"lines": [{"product_id": product_id, "quantity": quantity}]}
