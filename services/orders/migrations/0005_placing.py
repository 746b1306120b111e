"""Refunds, payments, changes with their reasons, signed quotes, and placing with stock and limits.

`read_quote_to_place_v1` and `place_order_v2` stay for the release before: what it places takes
nothing off the stock and looks at no limit.
"""

from alembic import op

from services.chassis.data.tenancy import guarded

revision = "0005"
down_revision = "0004"

TABLES = """
-- Wider than the constraint it takes the place of, so no row that is there can break it.
ALTER TABLE orders.orders
    DROP CONSTRAINT orders_status_check,
    ADD CONSTRAINT orders_status_check CHECK (
        status IN (
            'placed', 'accepted', 'preparing', 'ready', 'completed', 'cancelled', 'refunded'
        )
    ) NOT VALID,
    -- the one payment that was recorded
    ADD COLUMN paid_reference text,
    ADD COLUMN paid_minor bigint CHECK (paid_minor >= 0),
    ADD COLUMN paid_time timestamptz;
CREATE UNIQUE INDEX orders_by_payment ON orders.orders (tenant_id, paid_reference)
    WHERE paid_reference IS NOT NULL;

ALTER TABLE orders.order_lines
    -- whether its quantity was taken off the stock
    ADD COLUMN is_counted boolean NOT NULL DEFAULT false;

ALTER TABLE orders.quotes
    -- NULL where it was made by a release that signed none
    ADD COLUMN signature bytea;

CREATE TABLE orders.order_changes (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    -- the order's since the change; its placing, 1, has no row
    version bigint NOT NULL,
    status text NOT NULL,
    role text NOT NULL,
    actor_id text NOT NULL,
    reason text NOT NULL,
    change_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, order_id, version)
);
"""

READ_QUOTE_TO_PLACE_V2 = """
CREATE FUNCTION orders.read_quote_to_place_v2(
    p_tenant uuid, p_caller text, p_key text, p_quote uuid, p_owner text, p_now timestamptz
)
RETURNS TABLE (
    fingerprint bytea,
    answer bytea,
    principal_id text,
    cart bytea,
    expire_time timestamptz,
    signature bytea,
    is_ordered boolean
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT k.fingerprint, k.answer, q.principal_id, q.cart, q.expire_time, q.signature,
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

# As place_order_v2; limits of a customer are looked at and counted products taken off the stock.
# What is refused deletes the key and the order again, so that nothing is left of it and whoever
# waits for either goes on as the first. Locks are taken in this order: key, quote, customer, stock.
PLACE_ORDER_V3 = """
CREATE FUNCTION orders.place_order_v3(
    p_tenant uuid, p_caller text, p_key text, p_fingerprint bytea,
    p_order uuid, p_quote uuid, p_owner text, p_session text,
    p_subtotal bigint, p_total bigint, p_currency text, p_placed bytea, p_now timestamptz,
    p_products text[], p_quantities integer[], p_unit_prices bigint[], p_line_totals bigint[],
    p_promotions text[], p_discounts bigint[], p_decision text, p_recommendations text[],
    -- promotions, and in how many orders a customer may have them
    p_limited text[], p_limits integer[],
    -- promotions for a customer's first order only
    p_first_orders text[],
    p_partition smallint, p_event uuid, p_event_type text, p_aggregate text, p_payload bytea
)
-- `refused` are the ids of what there is not enough of, or of promotions that are used up;
-- `remaining` is how many are left of each product refused.
RETURNS TABLE (outcome text, answer bytea, refused text[], remaining bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    refusal text;
    counted text[];
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
                   k.answer, NULL::text[], NULL::bigint[]
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
            RETURNING 'replayed', k.answer, NULL::text[], NULL::bigint[];
        RETURN;
    END IF;

    -- Most orders carry no limited promotion, and then none of this is looked at.
    IF cardinality(p_limited) + cardinality(p_first_orders) > 0 THEN
        PERFORM pg_advisory_xact_lock(
            hashtextextended(p_owner, hashtextextended(p_tenant::text, 0))
        );
        SELECT array_agg(used_up.promotion_id) INTO refused
        FROM (
            SELECT limited.promotion_id
            FROM unnest(p_limited, p_limits) AS limited (promotion_id, uses)
            WHERE limited.uses <= (
                SELECT count(DISTINCT o.order_id)
                FROM orders.orders o
                JOIN orders.order_discounts d
                    ON d.tenant_id = o.tenant_id AND d.order_id = o.order_id
                WHERE o.tenant_id = p_tenant AND o.principal_id = p_owner
                  AND o.order_id <> p_order AND o.status NOT IN ('cancelled', 'refunded')
                  AND d.promotion_id = limited.promotion_id
            )
            UNION
            SELECT unnest(p_first_orders)
            WHERE EXISTS (
                SELECT FROM orders.orders o
                WHERE o.tenant_id = p_tenant AND o.principal_id = p_owner
                  AND o.order_id <> p_order AND o.status NOT IN ('cancelled', 'refunded')
            )
            ORDER BY 1
        ) AS used_up;
        IF refused IS NOT NULL THEN
            refusal := 'promotion_used_up';
        END IF;
    END IF;

    -- Held until the end, so what is counted now is what is taken.
    IF refusal IS NULL THEN
        SELECT array_agg(held.product_id) INTO counted
        FROM (
            SELECT s.product_id FROM orders.stock s
            WHERE s.tenant_id = p_tenant AND s.product_id = ANY (p_products)
            ORDER BY s.product_id
            FOR NO KEY UPDATE
        ) AS held;
        IF counted IS NOT NULL THEN
            refused := orders.take_stock_v1(p_tenant, p_products, p_quantities);
            IF cardinality(refused) > 0 THEN
                refusal := 'out_of_stock';
                SELECT array_agg(s.count ORDER BY s.product_id) INTO remaining
                FROM orders.stock s
                WHERE s.tenant_id = p_tenant AND s.product_id = ANY (refused);
            END IF;
        END IF;
    END IF;

    IF refusal IS NOT NULL THEN
        DELETE FROM orders.orders o WHERE o.tenant_id = p_tenant AND o.order_id = p_order;
        DELETE FROM orders.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_caller
          AND k.rpc = 'PlaceOrder' AND k.key = p_key;
        RETURN QUERY SELECT refusal, NULL::bytea, refused, remaining;
        RETURN;
    END IF;

    INSERT INTO orders.order_lines (
        tenant_id, order_id, position, product_id, quantity, unit_price_minor, total_minor,
        is_counted
    )
    SELECT p_tenant, p_order, line.position, line.product_id, line.quantity,
           line.unit_price_minor, line.total_minor,
           counted IS NOT NULL AND line.product_id = ANY (counted)
    FROM unnest(p_products, p_quantities, p_unit_prices, p_line_totals)
        WITH ORDINALITY AS line (product_id, quantity, unit_price_minor, total_minor, position);

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

    RETURN QUERY SELECT 'placed', p_placed, NULL::text[], NULL::bigint[];
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(guarded("orders.order_changes"))
    op.execute(READ_QUOTE_TO_PLACE_V2)
    op.execute(PLACE_ORDER_V3)
