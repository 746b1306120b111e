-- name: add_webhook
-- Makes an endpoint.
INSERT INTO orders.webhooks (
    tenant_id, webhook_id, url, event_types, description, failures_to_open, open_seconds, secret,
    create_time, update_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9);

-- name: hold_tenant
-- Lets one transaction at a time add endpoints of the tenant.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0)) AS held;

-- name: count_webhooks
-- How many endpoints the tenant has.
SELECT count(*) AS webhooks
FROM orders.webhooks
WHERE tenant_id = $1;

-- name: get_webhook
-- One endpoint.
SELECT webhook_id, url, event_types, description, failures_to_open, open_seconds, secret,
    old_secret, old_secret_expire_time, disable_reason, disable_time, failures, open_until,
    failing_since, wake_time, create_time, update_time
FROM orders.webhooks
WHERE tenant_id = $1 AND webhook_id = $2;

-- name: lock_webhook
-- The same, held until the transaction ends: nobody else begins or ends an attempt there meanwhile.
SELECT webhook_id, url, event_types, description, failures_to_open, open_seconds, secret,
    old_secret, old_secret_expire_time, disable_reason, disable_time, failures, open_until,
    failing_since, wake_time, create_time, update_time
FROM orders.webhooks
WHERE tenant_id = $1 AND webhook_id = $2
FOR NO KEY UPDATE;

-- name: list_webhooks
-- A page of the tenant's endpoints after $2, oldest first.
SELECT webhook_id, url, event_types, description, failures_to_open, open_seconds, secret,
    old_secret, old_secret_expire_time, disable_reason, disable_time, failures, open_until,
    failing_since, wake_time, create_time, update_time
FROM orders.webhooks
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR webhook_id > $2)
ORDER BY webhook_id
LIMIT $3;

-- name: save_terms
-- What an endpoint's owner says of it.
UPDATE orders.webhooks
SET url = $3, event_types = $4, description = $5, failures_to_open = $6, open_seconds = $7,
    update_time = $8
WHERE tenant_id = $1 AND webhook_id = $2;

-- name: save_secrets
-- The secrets of an endpoint.
UPDATE orders.webhooks
SET secret = $3, old_secret = $4, old_secret_expire_time = $5, update_time = $6
WHERE tenant_id = $1 AND webhook_id = $2;

-- name: save_health
-- How an endpoint is doing.
UPDATE orders.webhooks
SET disable_reason = $3, disable_time = $4, failures = $5, open_until = $6, failing_since = $7,
    wake_time = $8
WHERE tenant_id = $1 AND webhook_id = $2;

-- name: delete_webhook
-- Deletes an endpoint; its deliveries go with their time.
DELETE FROM orders.webhooks
WHERE tenant_id = $1 AND webhook_id = $2;

-- name: delete_pending
-- Deletes what is yet to be sent to an endpoint.
DELETE FROM orders.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND status IN ('waiting', 'sending');

-- name: find_tenants
-- Those of these tenants that have an enabled endpoint.
SELECT tenant_id
FROM orders.find_webhook_tenants_v1($1);

-- name: list_subscriptions
-- The enabled endpoints of the tenant and what they want.
SELECT webhook_id, event_types
FROM orders.webhooks
WHERE tenant_id = $1 AND disable_reason IS NULL;

-- name: add_deliveries
-- A delivery of an event to each endpoint of $3 that has none of it.
INSERT INTO orders.webhook_deliveries (
    tenant_id, delivery_id, webhook_id, event_id, event_type, payload, status,
    next_attempt_time, create_time, expire_time
)
SELECT $1, new.delivery_id, new.webhook_id, $4, $5, $6, 'waiting', $7, $7, $8
FROM unnest($2::uuid[], $3::uuid[]) AS new (delivery_id, webhook_id)
ON CONFLICT (tenant_id, webhook_id, event_id) DO NOTHING
RETURNING delivery_id, webhook_id;

-- name: get_delivery
-- One delivery of an endpoint, with what is sent.
SELECT delivery_id, webhook_id, event_id, event_type, status, attempts, tries, last_status_code,
    next_attempt_time, lease_time, is_parked, create_time, finish_time, expire_time, payload
FROM orders.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3;

-- name: lock_delivery
-- The same, held until the transaction ends.
SELECT delivery_id, webhook_id, event_id, event_type, status, attempts, tries, last_status_code,
    next_attempt_time, lease_time, is_parked, create_time, finish_time, expire_time, payload
FROM orders.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3
FOR NO KEY UPDATE;

-- name: list_deliveries
-- A page of an endpoint's deliveries before $4, newest first, without what is sent.
SELECT delivery_id, webhook_id, event_id, event_type, status, attempts, tries, last_status_code,
    next_attempt_time, lease_time, is_parked, create_time, finish_time, expire_time,
    ''::bytea AS payload
FROM orders.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2
    AND ($3::text IS NULL OR status = $3)
    AND ($4::uuid IS NULL OR delivery_id < $4)
ORDER BY delivery_id DESC
LIMIT $5;

-- name: plan_for_arguments
-- Plans the list for the filters it is given.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: save_delivery
-- How far a delivery is.
UPDATE orders.webhook_deliveries
SET status = $3, attempts = $4, tries = $5, last_status_code = $6, next_attempt_time = $7,
    lease_time = $8, is_parked = $9, finish_time = $10
WHERE tenant_id = $1 AND delivery_id = $2;

-- name: count_busy
-- Attempts being made at an endpoint, beside those of delivery $3.
SELECT count(*) AS busy
FROM orders.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND status = 'sending' AND delivery_id <> $3
    AND lease_time > $4;

-- name: wake_deliveries
-- Those of an endpoint's parked deliveries that are due longest, parked no more.
UPDATE orders.webhook_deliveries AS d
SET is_parked = false
FROM (
    SELECT delivery_id
    FROM orders.webhook_deliveries
    WHERE tenant_id = $1 AND webhook_id = $2 AND status IN ('waiting', 'sending') AND is_parked
    ORDER BY next_attempt_time, delivery_id
    LIMIT $3
    FOR NO KEY UPDATE
) AS first
WHERE d.tenant_id = $1 AND d.delivery_id = first.delivery_id
RETURNING d.delivery_id, d.attempts;

-- name: retry_failed
-- Has deliveries of an endpoint that were given up at $3 or later sent once more, up to $6 of them
-- after delivery $5; all parked.
UPDATE orders.webhook_deliveries AS d
SET status = 'waiting', tries = 0, next_attempt_time = $4, finish_time = NULL, is_parked = true
FROM (
    SELECT delivery_id
    FROM orders.webhook_deliveries
    WHERE tenant_id = $1 AND webhook_id = $2 AND status = 'failed' AND finish_time >= $3
        AND delivery_id > $5
    ORDER BY delivery_id
    LIMIT $6
    FOR NO KEY UPDATE
) AS given_up
WHERE d.tenant_id = $1 AND d.delivery_id = given_up.delivery_id
RETURNING d.delivery_id;

-- name: park_stalled
-- Parks what has been due at an endpoint since $3 without anybody's coming.
UPDATE orders.webhook_deliveries
SET status = 'waiting', lease_time = NULL, is_parked = true
WHERE tenant_id = $1 AND webhook_id = $2
    AND (
        (status = 'waiting' AND next_attempt_time < $3 AND NOT is_parked)
        OR (status = 'sending' AND lease_time < $3)
    );

-- name: find_stalled
-- Endpoints, of all tenants, where something has been due since $1.
SELECT tenant_id, webhook_id
FROM orders.find_stalled_webhooks_v1($1);

-- name: count_waiting
-- Deliveries that are to be sent, of all tenants.
SELECT orders.count_waiting_deliveries_v1() AS waiting;

-- name: put_attempt
-- Keeps an attempt, in the place of what was supposed of it if it came back late.
INSERT INTO orders.webhook_attempts (
    tenant_id, delivery_id, number, start_time, status_code, duration_ms, error, response_body,
    expire_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, delivery_id, number) DO UPDATE
SET start_time = excluded.start_time, status_code = excluded.status_code,
    duration_ms = excluded.duration_ms, error = excluded.error,
    response_body = excluded.response_body;

-- name: list_attempts
-- The attempts of a delivery, first to last.
SELECT number, start_time, status_code, duration_ms, error, response_body
FROM orders.webhook_attempts
WHERE tenant_id = $1 AND delivery_id = $2
ORDER BY number;

-- name: delete_expired_deliveries
-- Deletes up to $3 deliveries that have expired at $2.
DELETE FROM orders.webhook_deliveries
WHERE (tenant_id, delivery_id) IN (
    SELECT tenant_id, delivery_id
    FROM orders.webhook_deliveries
    WHERE tenant_id = $1 AND expire_time <= $2
    ORDER BY expire_time
    LIMIT $3
    FOR UPDATE SKIP LOCKED
);

-- name: delete_expired_attempts
-- Deletes up to $3 attempts of deliveries that have expired at $2.
DELETE FROM orders.webhook_attempts
WHERE (tenant_id, delivery_id, number) IN (
    SELECT tenant_id, delivery_id, number
    FROM orders.webhook_attempts
    WHERE tenant_id = $1 AND expire_time <= $2
    ORDER BY expire_time
    LIMIT $3
    FOR UPDATE SKIP LOCKED
);
