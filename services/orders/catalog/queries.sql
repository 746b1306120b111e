-- name: read_catalog
-- The tenant's revision, and all that has changed with it unless the caller knows that revision.
SELECT revision, version, document, counted, sold_out
FROM orders.read_catalog_v2($1, $2);

-- name: read_revision
-- The tenant's revision alone.
SELECT c.version + coalesce(v.version, 0) AS revision
FROM orders.catalogs c
LEFT JOIN orders.stock_versions v ON v.tenant_id = c.tenant_id
WHERE c.tenant_id = $1;

-- name: lock_catalog
-- The tenant's document, held until the transaction ends.
SELECT document
FROM orders.catalogs
WHERE tenant_id = $1
FOR NO KEY UPDATE;

-- name: replace_catalog
-- Puts a document in the place of the one before, one version up.
INSERT INTO orders.catalogs (tenant_id, version, document, update_time)
VALUES ($1, 1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE
    SET version = catalogs.version + 1,
        document = excluded.document,
        update_time = excluded.update_time;

-- name: read_stock
-- How many are left of those of these products that are counted.
SELECT product_id, count
FROM orders.stock
WHERE tenant_id = $1 AND product_id = ANY ($2::text[]);

-- name: lock_stock
-- How many are left of one product, held until the transaction ends.
SELECT count
FROM orders.stock
WHERE tenant_id = $1 AND product_id = $2
FOR NO KEY UPDATE;

-- name: put_stock
-- Counts a product from now on, or anew.
INSERT INTO orders.stock (tenant_id, product_id, count)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, product_id) DO UPDATE SET count = excluded.count;

-- name: delete_stock
-- Counts a product no more.
DELETE FROM orders.stock
WHERE tenant_id = $1 AND product_id = $2;

-- name: stock_changed
-- A product ran out, came back, or is counted from now on or no more.
SELECT orders.stock_changed_v1($1);
