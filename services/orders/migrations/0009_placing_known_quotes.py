"""Placing a quote that the service remembers, in one statement."""

from alembic import op

revision = "0009"
down_revision = "0008"

# What the order was made of is the quote only if its row still says so, to the byte: one that was
# changed or deleted meanwhile is for the service to read. Nothing else is done for it then.
PLACE_KNOWN_QUOTE_V1 = """
CREATE FUNCTION orders.place_known_quote_v1(
    p_cart bytea, p_expire_time timestamptz, p_signature bytea,
    -- of place_order_v3
    p_tenant uuid, p_caller text, p_key text, p_fingerprint bytea,
    p_order uuid, p_quote uuid, p_owner text, p_session text,
    p_subtotal bigint, p_total bigint, p_currency text, p_placed bytea, p_now timestamptz,
    p_products text[], p_quantities integer[], p_unit_prices bigint[], p_line_totals bigint[],
    p_promotions text[], p_discounts bigint[], p_decision text, p_recommendations text[],
    p_limited text[], p_limits integer[], p_first_orders text[],
    p_partition smallint, p_event uuid, p_event_type text, p_aggregate text, p_payload bytea
)
-- As place_order_v3; or `quote_changed`.
RETURNS TABLE (outcome text, answer bytea, refused text[], remaining bigint[])
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    IF NOT EXISTS (
        SELECT FROM orders.quotes q
        WHERE q.tenant_id = p_tenant AND q.quote_id = p_quote AND q.principal_id = p_owner
          AND q.expire_time = p_expire_time AND q.signature = p_signature AND q.cart = p_cart
    ) THEN
        RETURN QUERY SELECT 'quote_changed', NULL::bytea, NULL::text[], NULL::bigint[];
        RETURN;
    END IF;
    RETURN QUERY
        SELECT * FROM orders.place_order_v3(
            p_tenant, p_caller, p_key, p_fingerprint, p_order, p_quote, p_owner, p_session,
            p_subtotal, p_total, p_currency, p_placed, p_now, p_products, p_quantities,
            p_unit_prices, p_line_totals, p_promotions, p_discounts, p_decision,
            p_recommendations, p_limited, p_limits, p_first_orders, p_partition, p_event,
            p_event_type, p_aggregate, p_payload
        );
END $$;
"""


def upgrade() -> None:
    op.execute(PLACE_KNOWN_QUOTE_V1)
