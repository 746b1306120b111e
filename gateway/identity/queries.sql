-- name: add_tenant
-- Adds a tenant; no row if the slug is taken.
INSERT INTO identity.tenants (
    tenant_id, slug, display_name, requests_per_minute, create_time, time_zone
)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (slug) DO NOTHING
RETURNING tenant_id;

-- name: get_tenant
-- Reads one tenant.
SELECT tenant_id, slug, display_name, requests_per_minute, create_time, time_zone
FROM identity.tenants
WHERE tenant_id = $1;

-- name: update_tenant
-- Changes the name shown and the time zone unless NULL, and reads the tenant.
UPDATE identity.tenants
SET display_name = coalesce($2, display_name), time_zone = coalesce($3, time_zone)
WHERE tenant_id = $1
RETURNING tenant_id, slug, display_name, requests_per_minute, create_time, time_zone;

-- name: find_tenant
-- The id behind a slug, across tenants.
SELECT identity.find_tenant_v1($1) AS tenant_id;

-- name: list_tenants
-- A page of all tenants by slug.
SELECT tenant_id, slug, display_name, requests_per_minute, create_time, time_zone
FROM identity.list_tenants_v2($1, $2);

-- name: add_api_key
-- Adds a key, as its digest.
INSERT INTO identity.api_keys (
    tenant_id, api_key_id, digest, display_name, roles, requests_per_minute, create_time,
    expire_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: get_api_key
-- Reads one key.
SELECT tenant_id, api_key_id, digest, display_name, roles, requests_per_minute, create_time,
       expire_time, last_used_time, revoke_time
FROM identity.api_keys
WHERE tenant_id = $1 AND api_key_id = $2;

-- name: list_api_keys
-- A page of the tenant's keys, newest first: ids sort by age.
SELECT tenant_id, api_key_id, digest, display_name, roles, requests_per_minute, create_time,
       expire_time, last_used_time, revoke_time
FROM identity.api_keys
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR api_key_id < $2)
ORDER BY api_key_id DESC
LIMIT $3;

-- name: revoke_api_key
-- Revokes a key; a time it was revoked before stays.
UPDATE identity.api_keys
SET revoke_time = COALESCE(revoke_time, $3)
WHERE tenant_id = $1 AND api_key_id = $2
RETURNING tenant_id, api_key_id, digest, display_name, roles, requests_per_minute, create_time,
          expire_time, last_used_time, revoke_time;

-- name: touch_api_key
-- Notes that a key was used in this minute.
UPDATE identity.api_keys
SET last_used_time = $3
WHERE tenant_id = $1 AND api_key_id = $2 AND (last_used_time IS NULL OR last_used_time < $3);
