-- name: insert_quote
-- Keeps a quote for the principal it was made for.
INSERT INTO orders.quotes (
    tenant_id, quote_id, principal_id, cart, create_time, expire_time, signature
)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: read_quote
-- One quote with the order made of it; $3 is the principal_id that must own it, NULL for any.
SELECT q.quote_id, q.principal_id, q.cart, q.create_time, q.expire_time, q.signature, o.order_id
FROM orders.quotes q
LEFT JOIN orders.orders o ON o.tenant_id = q.tenant_id AND o.quote_id = q.quote_id
WHERE q.tenant_id = $1 AND q.quote_id = $2 AND ($3::text IS NULL OR q.principal_id = $3);

-- name: delete_expired_quotes
-- A batch of a tenant's quotes that ran out a day ago and were never ordered. Those it left in a
-- week it leaves for ever, so that it need not pass every order there ever was.
-- every guest: expiry knows no owner
DELETE FROM orders.quotes
WHERE tenant_id = $1 AND quote_id IN (
    SELECT q.quote_id
    FROM orders.quotes q
    WHERE q.tenant_id = $1
        AND q.expire_time <= $2::timestamptz - interval '1 day'
        AND q.expire_time > $2::timestamptz - interval '8 days'
        AND NOT EXISTS (
            SELECT FROM orders.orders o
            WHERE o.tenant_id = q.tenant_id AND o.quote_id = q.quote_id
        )
    ORDER BY q.expire_time
    LIMIT $3
);
