"""Endpoints of webhooks, what is sent to them, and what came of it."""

from alembic import op

from services.chassis.data.tenancy import guarded

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE orders.webhooks (
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL,
    description text NOT NULL,
    -- 0 for the installation's
    failures_to_open integer NOT NULL,
    open_seconds integer NOT NULL,
    -- sealed by the service
    secret bytea NOT NULL,
    old_secret bytea,
    old_secret_expire_time timestamptz,
    disable_reason text CHECK (disable_reason IN ('owner', 'gone', 'failing')),
    disable_time timestamptz,
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    failing_since timestamptz,
    wake_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id)
) WITH (fillfactor = 50);

CREATE TABLE orders.webhook_deliveries (
    tenant_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    payload bytea NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'sending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    last_status_code integer NOT NULL DEFAULT 0,
    next_attempt_time timestamptz,
    lease_time timestamptz,
    is_parked boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL,
    finish_time timestamptz,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, delivery_id),
    UNIQUE (tenant_id, webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_by_webhook
    ON orders.webhook_deliveries (tenant_id, webhook_id, delivery_id);
CREATE INDEX webhook_deliveries_by_status
    ON orders.webhook_deliveries (tenant_id, webhook_id, status, delivery_id);
-- All that a bulk retry parks is due at one moment: the first of it must come without a sort.
CREATE INDEX webhook_deliveries_pending
    ON orders.webhook_deliveries (tenant_id, webhook_id, next_attempt_time, delivery_id)
    WHERE status IN ('waiting', 'sending');
CREATE INDEX webhook_deliveries_by_expiry ON orders.webhook_deliveries (tenant_id, expire_time);

CREATE TABLE orders.webhook_attempts (
    tenant_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    start_time timestamptz NOT NULL,
    status_code integer NOT NULL,
    duration_ms bigint NOT NULL,
    error text NOT NULL,
    response_body text NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, delivery_id, number)
);
CREATE INDEX webhook_attempts_by_expiry ON orders.webhook_attempts (tenant_id, expire_time);
"""

# These two look past the tenants' walls, which the migrator's role may, and let out ids and a
# number: row-level security would have nobody know where work is left, or how much.
OVERSEEING = """
CREATE FUNCTION orders.find_stalled_webhooks_v1(p_before timestamptz)
RETURNS TABLE (tenant_id uuid, webhook_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT d.tenant_id, d.webhook_id
    FROM orders.webhook_deliveries AS d
    JOIN orders.webhooks AS w ON w.tenant_id = d.tenant_id AND w.webhook_id = d.webhook_id
    WHERE d.status IN ('waiting', 'sending')
        AND coalesce(d.lease_time, d.next_attempt_time) < p_before
        AND w.disable_reason IS NULL
        AND (w.open_until IS NULL OR w.open_until < p_before)
        -- Whoever ends an attempt wakes the next: what only waits for its turn is well.
        AND NOT EXISTS (
            SELECT FROM orders.webhook_deliveries AS other
            WHERE other.tenant_id = d.tenant_id AND other.webhook_id = d.webhook_id
                AND other.status = 'sending' AND other.lease_time > now()
        )
    LIMIT 100
$$;

CREATE FUNCTION orders.count_waiting_deliveries_v1() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*)
    FROM orders.webhook_deliveries
    WHERE status IN ('waiting', 'sending')
$$;

REVOKE ALL ON FUNCTION orders.find_stalled_webhooks_v1, orders.count_waiting_deliveries_v1
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION orders.find_stalled_webhooks_v1, orders.count_waiting_deliveries_v1
    TO maitred_orders;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("webhooks", "webhook_deliveries", "webhook_attempts"):
        op.execute(guarded(f"orders.{table}"))
    op.execute(OVERSEEING)
