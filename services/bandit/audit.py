"""Whether what is stored is what a single-threaded replay of the reward rows makes."""

from uuid import UUID

from services.bandit.ledger import Discount, RewardRow, difference, replay
from services.bandit.store import QUERIES, to_arms, to_observation, to_settings
from services.chassis.data.postgres import Connection


async def audit(connection: Connection, tenant_id: UUID, policy_id: str) -> float:
    """The largest relative difference between a policy's statistics and their replay.

    Nothing is applied while it looks.

    Args:
        connection: in a transaction of the tenant.
        tenant_id: the tenant.
        policy_id: the policy; one that is not there differs by nothing.

    Returns:
        See `ledger.difference`.
    """
    row = await connection.fetchrow(QUERIES.lock_policies, tenant_id, policy_id)
    if row is None:
        return 0.0
    settings, generation = to_settings(row), row["generation"]
    arguments = (tenant_id, policy_id, generation)
    observations = await connection.fetch(QUERIES.observations, *arguments)
    rows = await connection.fetch(QUERIES.reward_rows, *arguments)
    replayed = replay(
        (to_observation(one, generation) for one in observations),
        (RewardRow(**dict(one)) for one in rows),
        Discount(row["base_time"], settings.half_life),
        settings.dimension,
    )
    arms = await connection.fetch(QUERIES.read_arms, tenant_id, policy_id, None)
    return difference(to_arms(arms, settings.dimension), replayed)
