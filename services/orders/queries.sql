-- name: delete_expired_keys
-- A batch of a tenant's keys that nobody may replay any more; those somebody holds wait.
-- every guest: expiry knows no owner
DELETE FROM orders.idempotency_keys
WHERE (tenant_id, principal_id, rpc, key) IN (
    SELECT tenant_id, principal_id, rpc, key
    FROM orders.idempotency_keys
    WHERE tenant_id = $1 AND expire_time <= $2
    ORDER BY expire_time
    LIMIT $3
    FOR UPDATE SKIP LOCKED
);
