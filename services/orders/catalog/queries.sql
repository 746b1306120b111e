-- name: read_catalog
-- The tenant's version, and the document unless the caller knows that version.
SELECT version, document
FROM orders.read_catalog_v1($1, $2);

-- name: replace_catalog
-- Puts a document in the place of the one before, one version up.
INSERT INTO orders.catalogs (tenant_id, version, document, update_time)
VALUES ($1, 1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE
    SET version = catalogs.version + 1,
        document = excluded.document,
        update_time = excluded.update_time;
