"""A coordinator with all whom it asks: orders, bandit, learning and retrieval."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import grpc
from maitred.bandit.v1 import decision_pb2, decision_service_pb2, decision_service_pb2_grpc
from maitred.coordinator.v1 import agent_service_pb2, agent_service_pb2_grpc
from maitred.learning.v1 import trust_pb2, trust_service_pb2, trust_service_pb2_grpc

from services.bandit.config import BanditConfig
from services.bandit.wiring import build as build_bandit
from services.chassis.rpc.identity import Role
from services.chassis.run.lifecycle import Target
from services.coordinator.wiring import build as build_coordinator
from services.learning.config import LearningConfig
from services.learning.wiring import build as build_learning
from services.retrieval.config import RetrievalConfig
from services.retrieval.wiring import build as build_retrieval
from tests.integration.coordinator.serving import CoordinatorClient, Guest, coordinator_config
from tests.integration.orders.serving import COFFEE_BAR, OrdersClient
from tests.integration.retrieval.serving import RetrievalClient
from tests.support.servers import MigratedDatabase
from tests.support.services import SETTINGS, metadata, running, with_role

AGENTS = ("guide", "host", "seller")


@dataclass(frozen=True, slots=True)
class Whole:
    """A running coordinator, and the services it asks."""

    coordinator: CoordinatorClient
    orders: OrdersClient
    documents: RetrievalClient
    trust: trust_service_pb2_grpc.TrustServiceStub
    decisions: decision_service_pb2_grpc.DecisionServiceStub
    agents: agent_service_pb2_grpc.AgentServiceStub

    async def tenant(self, served_by: str = "", name: str = COFFEE_BAR) -> UUID:
        """A new tenant that sells what a demo tenant does, served by one agent if one is named."""
        tenant_id = await self.orders.open_tenant(name)
        if served_by:
            await self._trust_only(tenant_id, served_by)
        return tenant_id

    async def arrives(self, tenant_id: UUID) -> Guest:
        """Somebody new who has just begun to talk."""
        guest = self.coordinator.guest(tenant_id)
        await guest.arrive()
        return guest

    async def decision(self, tenant_id: UUID, decision_id: str) -> decision_pb2.Decision:
        response = await self.decisions.GetDecision(
            decision_service_pb2.GetDecisionRequest(decision_id=decision_id),
            metadata=manager(tenant_id),
        )
        return response.decision

    async def agent(self, tenant_id: UUID, agent_id: str) -> agent_service_pb2.Agent:
        response = await self.agents.GetAgent(
            agent_service_pb2.GetAgentRequest(agent_id=agent_id), metadata=manager(tenant_id)
        )
        return response.agent

    async def suggest(self, tenant_id: UUID, agent_id: str, *product_ids: str) -> None:
        """Has an agent suggest these products."""
        agent = agent_service_pb2.Agent(agent_id=agent_id, suggested_product_ids=product_ids)
        await self.agents.UpdateAgent(
            agent_service_pb2.UpdateAgentRequest(agent=agent), metadata=manager(tenant_id)
        )

    async def _trust_only(self, tenant_id: UUID, agent_id: str) -> None:
        everyone = trust_service_pb2.InitializeTrustRequest(agent_ids=AGENTS)
        await self.trust.InitializeTrust(everyone, metadata=manager(tenant_id))
        for agent in set(AGENTS) - {agent_id}:
            override = trust_service_pb2.OverrideTrustRequest(
                agent_id=agent, state=trust_pb2.TRUST_STATE_DISABLED
            )
            await self.trust.OverrideTrust(override, metadata=manager(tenant_id))


def manager(tenant_id: UUID) -> tuple[tuple[str, str], ...]:
    """A call in the name of somebody who may see and change everything of the tenant."""
    return metadata(with_role(tenant_id, Role.MANAGER))


@asynccontextmanager
async def whole(
    database: MigratedDatabase, redis_url: str, orders: OrdersClient, orders_port: int
) -> AsyncIterator[Whole]:
    """Everything a turn may ask, each on a port of its own; disabled agents are never probed."""
    common = {**SETTINGS, "redis_url": redis_url}

    def url(name: str) -> str:
        return database.service_url(name)

    targets = (
        Target("bandit", BanditConfig(database_url=url("bandit"), **common), build_bandit),
        Target(
            "learning",
            LearningConfig(database_url=url("learning"), probe_share=0.0, **common),
            build_learning,
        ),
        Target(
            "retrieval",
            RetrievalConfig(database_url=url("retrieval"), refresh_s=0.0, **common),
            build_retrieval,
        ),
    )
    async with AsyncExitStack() as stack:
        ports = {
            target.name: (await stack.enter_async_context(running(target))).grpc[target.name]
            for target in targets
        }
        config = coordinator_config(
            url("coordinator"),
            orders_port,
            learning_routing=True,
            **{f"{name}_address": f"ipv4:127.0.0.1:{port}" for name, port in ports.items()},
        )
        bound = await stack.enter_async_context(
            running(Target("coordinator", config, build_coordinator))
        )
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            for name, port in (ports | dict(bound.grpc)).items()
        }
        yield Whole(
            CoordinatorClient(channels["coordinator"], bound.admin),
            orders,
            RetrievalClient(channels["retrieval"]),
            trust_service_pb2_grpc.TrustServiceStub(channels["learning"]),
            decision_service_pb2_grpc.DecisionServiceStub(channels["bandit"]),
            agent_service_pb2_grpc.AgentServiceStub(channels["coordinator"]),
        )
