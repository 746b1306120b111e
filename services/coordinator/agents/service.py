"""The service of agents: convert, call, convert."""

from collections.abc import Mapping
from typing import Any

import grpc
from maitred.coordinator.v1 import agent_service_pb2 as agent_pb
from maitred.coordinator.v1 import agent_service_pb2_grpc

from services.chassis.rpc import call
from services.chassis.rpc.errors import not_found
from services.chassis.rpc.server import ServicerBinding
from services.coordinator.agents.convert import agent_message
from services.coordinator.agents.profile import Profile
from services.coordinator.agents.settings import AgentSettings
from services.coordinator.agents.store import AgentStore

Context = grpc.aio.ServicerContext[Any, Any]


class AgentService(agent_service_pb2_grpc.AgentServiceServicer):
    """maitred.coordinator.v1.AgentService.

    Args:
        arms: the profiles by their arms.
    """

    def __init__(self, store: AgentStore, arms: Mapping[str, Profile]) -> None:
        self._store = store
        self._arms = {
            profile.agent: (arm, profile)
            for arm, profile in sorted(arms.items(), key=lambda pair: pair[1].agent)
        }

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.coordinator.v1.AgentService",
            agent_service_pb2_grpc.add_AgentServiceServicer_to_server,
            self,
        )

    async def ListAgents(
        self, request: agent_pb.ListAgentsRequest, context: Context
    ) -> agent_pb.ListAgentsResponse:
        """As the contract says."""
        known = await self._store.all(call.current().principal.tenant_id)
        agents = [self._message(agent, known.get(agent)) for agent in self._arms]
        return agent_pb.ListAgentsResponse(agents=agents)

    async def GetAgent(
        self, request: agent_pb.GetAgentRequest, context: Context
    ) -> agent_pb.GetAgentResponse:
        """As the contract says."""
        self._check(request.agent_id)
        known = await self._store.all(call.current().principal.tenant_id)
        agent = self._message(request.agent_id, known.get(request.agent_id))
        return agent_pb.GetAgentResponse(agent=agent)

    async def UpdateAgent(
        self, request: agent_pb.UpdateAgentRequest, context: Context
    ) -> agent_pb.UpdateAgentResponse:
        """As the contract says."""
        agent_id = request.agent.agent_id
        self._check(agent_id)
        tenant_id = call.current().principal.tenant_id
        products = list(dict.fromkeys(request.agent.suggested_product_ids))
        settings = await self._store.put(tenant_id, agent_id, products)
        return agent_pb.UpdateAgentResponse(agent=self._message(agent_id, settings))

    def _check(self, agent_id: str) -> None:
        if agent_id not in self._arms:
            raise not_found("AGENT_NOT_FOUND", "No such agent.", agent_id=agent_id)

    def _message(self, agent_id: str, settings: AgentSettings | None) -> agent_pb.Agent:
        arm, profile = self._arms[agent_id]
        return agent_message(profile, arm, settings or AgentSettings())
