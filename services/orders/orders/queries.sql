-- name: read_quote_to_place
-- The quote if principal_id $5 (NULL: anyone) owns it, and the answer the caller's key has.
SELECT fingerprint, answer, principal_id, cart, expire_time, signature, is_ordered
FROM orders.read_quote_to_place_v2($1, $2, $3, $4, $5, $6);

-- name: place_known_quote
-- As place_order, if the quote's row still has cart $1, expire_time $2 and signature $3.
SELECT outcome, answer, refused, remaining
FROM orders.place_known_quote_v1(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32
);

-- name: place_order
-- Key, stock, order, lines, discounts and event, in one statement.
SELECT outcome, answer, refused, remaining
FROM orders.place_order_v3(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29
);

-- name: get_order
-- One order; $3 is the principal_id that must own it, NULL for any.
SELECT order_id, principal_id, status, version, update_time, placed,
    paid_reference, paid_minor, paid_time
FROM orders.orders
WHERE tenant_id = $1 AND order_id = $2 AND ($3::text IS NULL OR principal_id = $3);

-- name: lock_order
-- The same, held until the transaction ends: its next event is ours to write.
SELECT order_id, principal_id, status, version, update_time, placed,
    paid_reference, paid_minor, paid_time
FROM orders.orders
WHERE tenant_id = $1 AND order_id = $2 AND ($3::text IS NULL OR principal_id = $3)
FOR NO KEY UPDATE;

-- name: move_order
-- Writes the new state of an order held by lock_order, and who changed it and why.
-- every guest: lock_order has found it to be the caller's
WITH moved AS (
    UPDATE orders.orders
    SET status = $3, version = $4, update_time = $5
    WHERE tenant_id = $1 AND order_id = $2
)
INSERT INTO orders.order_changes (
    tenant_id, order_id, version, status, role, actor_id, reason, change_time
)
VALUES ($1, $2, $4, $3, $6, $7, $8, $5);

-- name: put_back
-- Puts back what an order held by lock_order had taken off the stock.
SELECT orders.return_stock_v1($1, array_agg(product_id), array_agg(quantity))
FROM orders.order_lines
WHERE tenant_id = $1 AND order_id = $2 AND is_counted
HAVING count(*) > 0;

-- name: pay_order
-- Writes the payment of an order held by lock_order.
-- every guest: no guest records payments
UPDATE orders.orders
SET paid_reference = $3, paid_minor = $4, paid_time = $5
WHERE tenant_id = $1 AND order_id = $2;

-- name: list_changes
-- What an order read by get_order came through since it was placed, the oldest first.
SELECT version, status, role, actor_id, reason, change_time
FROM orders.order_changes
WHERE tenant_id = $1 AND order_id = $2
ORDER BY version;

-- name: plan_for_arguments
-- Plans the list for the filters it is given: one plan for all of them would read every order.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: list_orders
-- A page of the tenant's orders before order $4, newest first; of principal_id $2 unless NULL.
SELECT order_id, principal_id, status, version, update_time, placed,
    paid_reference, paid_minor, paid_time
FROM orders.orders
WHERE tenant_id = $1
    AND ($2::text IS NULL OR principal_id = $2)
    AND ($3::text IS NULL OR status = $3)
    AND ($4::uuid IS NULL OR order_id < $4)
    AND ($5::text IS NULL OR session_id = $5)
ORDER BY order_id DESC
LIMIT $6;
