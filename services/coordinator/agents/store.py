"""What tenants set of their agents, in Postgres."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Database, Queries
from services.coordinator.agents.settings import AgentSettings


class AgentStore:
    """Settings of agents by tenant; `tools.ports.AgentSettings` too."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._sql = Queries.load(__package__)

    async def all(self, tenant_id: UUID) -> Mapping[str, AgentSettings]:
        """What is set, by agent."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(self._sql.list_agents, tenant_id)
        return {
            row["agent_id"]: AgentSettings(tuple(row["suggested_product_ids"]), row["update_time"])
            for row in rows
        }

    async def put(self, tenant_id: UUID, agent_id: str, products: Sequence[str]) -> AgentSettings:
        """Has an agent suggest these products from the next turn on."""
        now = self._clock()
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(self._sql.put_agent, tenant_id, agent_id, list(products), now)
        return AgentSettings(tuple(products), now)

    async def suggested(self, tenant_id: UUID, agent_id: str) -> Sequence[str]:
        """As `tools.ports.AgentSettings.suggested`."""
        async with self._database.tenant(tenant_id) as connection:
            found = await connection.fetchval(self._sql.get_suggested, tenant_id, agent_id)
        return tuple(found or ())
