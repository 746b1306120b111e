-- name: read_promotions
-- The tenant's version, and all documents unless the caller knows that version.
SELECT version, documents
FROM orders.read_promotions_v1($1, $2);

-- name: read_version
-- The tenant's version alone.
SELECT version
FROM orders.promotion_versions
WHERE tenant_id = $1;

-- name: next_version
-- One version up; whoever changes promotions of the tenant at the same time waits here.
INSERT INTO orders.promotion_versions (tenant_id, version)
VALUES ($1, 1)
ON CONFLICT (tenant_id) DO UPDATE SET version = promotion_versions.version + 1
RETURNING version;

-- name: list_documents
-- All promotions of the tenant, as stored.
SELECT document
FROM orders.promotions
WHERE tenant_id = $1;

-- name: put_promotion
-- Stores a promotion, in the place of the one before if there is one.
INSERT INTO orders.promotions (tenant_id, promotion_id, document)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, promotion_id) DO UPDATE SET document = excluded.document;

-- name: delete_promotion
-- Deletes a promotion.
DELETE FROM orders.promotions
WHERE tenant_id = $1 AND promotion_id = $2;

-- name: count_orders
-- How many orders a customer ($2, principal_id) has placed, cancelled and refunded ones left out.
SELECT count(*)
FROM orders.orders
WHERE tenant_id = $1 AND principal_id = $2 AND status NOT IN ('cancelled', 'refunded');

-- name: count_uses
-- How many of a customer's ($2, principal_id) orders had each promotion, left out as above.
SELECT d.promotion_id, count(DISTINCT d.order_id) AS uses
FROM orders.orders o
JOIN orders.order_discounts d ON d.tenant_id = o.tenant_id AND d.order_id = o.order_id
WHERE o.tenant_id = $1 AND o.principal_id = $2 AND o.status NOT IN ('cancelled', 'refunded')
    AND d.promotion_id = ANY ($3::text[])
GROUP BY d.promotion_id;
