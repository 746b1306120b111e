"""Promotions, what they took off orders, and who had advised the guest.

`place_order_v1` stays for the release before: what it places has no discounts and no decision.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE orders.promotions (
    tenant_id uuid NOT NULL,
    promotion_id text NOT NULL,
    -- maitred.orders.v1.Promotion as stored
    document bytea NOT NULL,
    PRIMARY KEY (tenant_id, promotion_id)
);

-- Counts the changes of a tenant's promotions.
CREATE TABLE orders.promotion_versions (
    tenant_id uuid NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE orders.order_discounts (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position integer NOT NULL,
    promotion_id text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (tenant_id, order_id, position)
);

ALTER TABLE orders.orders
    -- before discounts; NULL where it was placed by place_order_v1, which knew none
    ADD COLUMN subtotal_minor bigint,
    ADD COLUMN decision_id text,
    ADD COLUMN recommendation_ids text[] NOT NULL DEFAULT '{}';
"""

GUARD = """
ALTER TABLE orders.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON orders.{table}
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""

READ_PROMOTIONS_V1 = """
CREATE FUNCTION orders.read_promotions_v1(p_tenant uuid, p_known bigint)
RETURNS TABLE (version bigint, documents bytea[])
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT v.version,
               CASE WHEN v.version <> p_known THEN ARRAY(
                   SELECT p.document FROM orders.promotions p WHERE p.tenant_id = p_tenant
               ) END
        FROM orders.promotion_versions v
        WHERE v.tenant_id = p_tenant;
END $$;
"""

# As place_order_v1, with what promotions took off and who had advised the guest.
PLACE_ORDER_V2 = """
CREATE FUNCTION orders.place_order_v2(
    p_tenant uuid, p_caller text, p_key text, p_fingerprint bytea,
    p_order uuid, p_quote uuid, p_owner text, p_session text,
    p_subtotal bigint, p_total bigint, p_currency text, p_placed bytea, p_now timestamptz,
    p_products text[], p_quantities integer[], p_unit_prices bigint[], p_line_totals bigint[],
    p_promotions text[], p_discounts bigint[], p_decision text, p_recommendations text[],
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
        subtotal_minor, total_minor, currency_code, placed, decision_id, recommendation_ids,
        create_time, update_time
    )
    VALUES (
        p_tenant, p_order, p_owner, p_quote, p_session, 'placed', 1,
        p_subtotal, p_total, p_currency, p_placed, p_decision, p_recommendations,
        p_now, p_now
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

    -- Most orders have none, and then one statement less.
    IF cardinality(p_promotions) > 0 THEN
        INSERT INTO orders.order_discounts (
            tenant_id, order_id, position, promotion_id, amount_minor
        )
        SELECT p_tenant, p_order, discount.position, discount.promotion_id, discount.amount_minor
        FROM unnest(p_promotions, p_discounts)
            WITH ORDINALITY AS discount (promotion_id, amount_minor, position);
    END IF;

    INSERT INTO events.outbox (
        partition, event_id, tenant_id, type, aggregate_id, principal_id, payload
    )
    VALUES (p_partition, p_event, p_tenant, p_event_type, p_aggregate, p_owner, p_payload);

    RETURN QUERY SELECT 'placed', p_placed;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("promotions", "promotion_versions", "order_discounts"):
        op.execute(GUARD.format(table=table))
    op.execute(READ_PROMOTIONS_V1)
    op.execute(PLACE_ORDER_V2)
