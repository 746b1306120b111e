"""Endpoints that wait for nobody, found without reading all that waits."""

from alembic import op

revision = "0012"
down_revision = "0011"

# As that of 0006, endpoint by endpoint: the first delivery of one that is due is enough. An attempt
# is begun after it was due and its lease ends later, so what is long over was due long ago as well.
OVERSEEING = """
CREATE OR REPLACE FUNCTION orders.find_stalled_webhooks_v1(p_before timestamptz)
RETURNS TABLE (tenant_id uuid, webhook_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.tenant_id, w.webhook_id
    FROM orders.webhooks AS w
    WHERE w.disable_reason IS NULL
        AND (w.open_until IS NULL OR w.open_until < p_before)
        -- Whoever ends an attempt wakes the next: what only waits for its turn is well.
        AND NOT EXISTS (
            SELECT FROM orders.webhook_deliveries AS other
            WHERE other.tenant_id = w.tenant_id AND other.webhook_id = w.webhook_id
                AND other.status = 'sending' AND other.lease_time > now()
        )
        AND EXISTS (
            SELECT FROM orders.webhook_deliveries AS d
            WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id
                AND d.status IN ('waiting', 'sending')
                AND d.next_attempt_time < p_before
                AND coalesce(d.lease_time, d.next_attempt_time) < p_before
        )
    LIMIT 100
$$;
"""


def upgrade() -> None:
    op.execute(OVERSEEING)
