"""Catalogs, quotes, orders and their lines, idempotency keys, and placing in one statement."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE orders.catalogs (
    tenant_id uuid NOT NULL,
    version bigint NOT NULL,
    -- maitred.orders.v1.Catalog as imported
    document bytea NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE orders.quotes (
    tenant_id uuid NOT NULL,
    quote_id uuid NOT NULL,
    principal_id text NOT NULL,
    -- maitred.orders.v1.Cart as priced
    cart bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, quote_id)
);

CREATE TABLE orders.orders (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    principal_id text NOT NULL,
    quote_id uuid NOT NULL,
    session_id text,
    status text NOT NULL CHECK (
        status IN ('placed', 'accepted', 'preparing', 'ready', 'completed', 'cancelled')
    ),
    version bigint NOT NULL,
    total_minor bigint NOT NULL,
    currency_code text NOT NULL,
    -- maitred.orders.v1.Order as placed: the first answer
    placed bytea NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    UNIQUE (tenant_id, quote_id)
);
CREATE INDEX orders_by_principal ON orders.orders (tenant_id, principal_id, order_id);
CREATE INDEX orders_by_status ON orders.orders (tenant_id, status, order_id);
CREATE INDEX orders_by_session ON orders.orders (tenant_id, session_id, order_id)
    WHERE session_id IS NOT NULL;

CREATE TABLE orders.order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position integer NOT NULL,
    product_id text NOT NULL,
    quantity integer NOT NULL,
    unit_price_minor bigint NOT NULL,
    total_minor bigint NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position)
);

CREATE TABLE orders.idempotency_keys (
    tenant_id uuid NOT NULL,
    principal_id text NOT NULL,
    rpc text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal_id, rpc, key)
);
CREATE INDEX idempotency_keys_by_expiry ON orders.idempotency_keys (tenant_id, expire_time);
"""

GUARD = """
ALTER TABLE orders.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders.{table}
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""

# A statement that sets its tenant itself needs no transaction around it: one round trip.
READ_CATALOG_V1 = """
CREATE FUNCTION orders.read_catalog_v1(p_tenant uuid, p_known bigint)
RETURNS TABLE (version bigint, document bytea)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT c.version, CASE WHEN c.version <> p_known THEN c.document END
        FROM orders.catalogs c
        WHERE c.tenant_id = p_tenant;
END $$;
"""

READ_QUOTE_TO_PLACE_V1 = """
CREATE FUNCTION orders.read_quote_to_place_v1(
    p_tenant uuid, p_caller text, p_key text, p_quote uuid, p_owner text, p_now timestamptz
)
RETURNS TABLE (
    fingerprint bytea,
    answer bytea,
    principal_id text,
    cart bytea,
    expire_time timestamptz,
    is_ordered boolean
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT k.fingerprint, k.answer, q.principal_id, q.cart, q.expire_time,
               -- only an expired quote needs to have been ordered
               q.expire_time <= p_now AND EXISTS (
                   SELECT FROM orders.orders o
                   WHERE o.tenant_id = p_tenant AND o.quote_id = p_quote
               )
        FROM (SELECT p_tenant AS tenant_id) t
        LEFT JOIN orders.idempotency_keys k
            ON k.tenant_id = t.tenant_id AND k.principal_id = p_caller
            AND k.rpc = 'PlaceOrder' AND k.key = p_key AND k.expire_time > p_now
        LEFT JOIN orders.quotes q
            ON q.tenant_id = t.tenant_id AND q.quote_id = p_quote
            AND (p_owner IS NULL OR q.principal_id = p_owner);
END $$;
"""

# The key is taken first, so that twins queue on it and nothing else; then the quote is consumed
# by the order's unique index. Whoever comes second reads what the first has committed.
PLACE_ORDER_V1 = """
CREATE FUNCTION orders.place_order_v1(
    p_tenant uuid, p_caller text, p_key text, p_fingerprint bytea,
    p_order uuid, p_quote uuid, p_owner text, p_session text,
    p_total bigint, p_currency text, p_placed bytea, p_now timestamptz,
    p_products text[], p_quantities integer[], p_unit_prices bigint[], p_line_totals bigint[],
    p_partition smallint, p_event uuid, p_event_type text, p_aggregate text, p_payload bytea
)
RETURNS TABLE (outcome text, answer bytea)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);

    INSERT INTO orders.idempotency_keys AS held (
        tenant_id, principal_id, rpc, key, fingerprint, answer, create_time, expire_time
    )
    VALUES (
        p_tenant, p_caller, 'PlaceOrder', p_key, p_fingerprint, p_placed,
        p_now, p_now + interval '24 hours'
    )
    ON CONFLICT (tenant_id, principal_id, rpc, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer = excluded.answer,
            create_time = excluded.create_time, expire_time = excluded.expire_time
        WHERE held.expire_time <= p_now;
    IF NOT FOUND THEN
        RETURN QUERY
            SELECT CASE WHEN k.fingerprint = p_fingerprint THEN 'replayed' ELSE 'key_reused' END,
                   k.answer
            FROM orders.idempotency_keys k
            WHERE k.tenant_id = p_tenant AND k.principal_id = p_caller
              AND k.rpc = 'PlaceOrder' AND k.key = p_key;
        RETURN;
    END IF;

    INSERT INTO orders.orders (
        tenant_id, order_id, principal_id, quote_id, session_id, status, version,
        total_minor, currency_code, placed, create_time, update_time
    )
    VALUES (
        p_tenant, p_order, p_owner, p_quote, p_session, 'placed', 1,
        p_total, p_currency, p_placed, p_now, p_now
    )
    ON CONFLICT (tenant_id, quote_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY
            UPDATE orders.idempotency_keys k
            SET answer = o.placed
            FROM orders.orders o
            WHERE o.tenant_id = p_tenant AND o.quote_id = p_quote
              AND k.tenant_id = p_tenant AND k.principal_id = p_caller
              AND k.rpc = 'PlaceOrder' AND k.key = p_key
            RETURNING 'replayed', k.answer;
        RETURN;
    END IF;

    INSERT INTO orders.order_lines (
        tenant_id, order_id, position, product_id, quantity, unit_price_minor, total_minor
    )
    SELECT p_tenant, p_order, line.position, line.product_id, line.quantity,
           line.unit_price_minor, line.total_minor
    FROM unnest(p_products, p_quantities, p_unit_prices, p_line_totals)
        WITH ORDINALITY AS line (product_id, quantity, unit_price_minor, total_minor, position);

    INSERT INTO events.outbox (
        partition, event_id, tenant_id, type, aggregate_id, principal_id, payload
    )
    VALUES (p_partition, p_event, p_tenant, p_event_type, p_aggregate, p_owner, p_payload);

    RETURN QUERY SELECT 'placed', p_placed;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("catalogs", "quotes", "orders", "order_lines", "idempotency_keys"):
        op.execute(GUARD.format(table=table))
    op.execute(READ_CATALOG_V1)
    op.execute(READ_QUOTE_TO_PLACE_V1)
    op.execute(PLACE_ORDER_V1)
