-- name: read_promotions
-- The tenant's version, and all documents unless the caller knows that version.
SELECT version, documents
FROM orders.read_promotions_v1($1, $2);

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
