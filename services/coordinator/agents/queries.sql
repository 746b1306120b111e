-- name: list_agents
-- What a tenant set of its agents.
SELECT agent_id, suggested_product_ids, update_time
FROM coordinator.agents
WHERE tenant_id = $1;

-- name: get_suggested
-- The products an agent is to suggest.
SELECT suggested_product_ids
FROM coordinator.agents
WHERE tenant_id = $1 AND agent_id = $2;

-- name: put_agent
-- Sets the products an agent is to suggest.
INSERT INTO coordinator.agents (tenant_id, agent_id, suggested_product_ids, update_time)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, agent_id)
DO UPDATE SET suggested_product_ids = excluded.suggested_product_ids,
    update_time = excluded.update_time;
