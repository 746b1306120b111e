-- name: insert_transfer
-- Keeps a transfer that was asked for.
INSERT INTO orders.catalog_transfers (
    tenant_id, transfer_id, asked_by, is_import, format, mode, is_dry_run, state, content,
    create_time, job_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, $10);

-- name: read_transfer
-- One transfer, without its content.
SELECT transfer_id, asked_by, is_import, format, mode, is_dry_run, state, done, total, added,
    changed, removed, problem_lines, problem_columns, problem_descriptions, create_time, end_time
FROM orders.catalog_transfers
WHERE tenant_id = $1 AND transfer_id = $2;

-- name: list_transfers
-- A page of transfers before $2, newest first.
SELECT transfer_id, asked_by, is_import, format, mode, is_dry_run, state, done, total, added,
    changed, removed, problem_lines, problem_columns, problem_descriptions, create_time, end_time
FROM orders.catalog_transfers
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR transfer_id < $2)
ORDER BY transfer_id DESC
LIMIT $3;

-- name: read_content
-- What a transfer was given or wrote.
SELECT content
FROM orders.catalog_transfers
WHERE tenant_id = $1 AND transfer_id = $2;

-- name: tell_progress
-- How far a transfer is, unless it is at its end.
UPDATE orders.catalog_transfers
SET state = 'running', done = $3, total = $4
WHERE tenant_id = $1 AND transfer_id = $2 AND end_time IS NULL;

-- name: finish_import
-- An import's end, once.
UPDATE orders.catalog_transfers
SET state = 'succeeded', done = $3, total = $3, added = $4, changed = $5, removed = $6,
    end_time = $7
WHERE tenant_id = $1 AND transfer_id = $2 AND end_time IS NULL;

-- name: finish_export
-- An export's end, once, with what it wrote.
UPDATE orders.catalog_transfers
SET state = 'succeeded', done = $3, total = $3, content = $4, end_time = $5
WHERE tenant_id = $1 AND transfer_id = $2 AND end_time IS NULL;

-- name: fail_transfer
-- A transfer's end where nothing came of it.
UPDATE orders.catalog_transfers
SET state = 'failed', problem_lines = $3, problem_columns = $4, problem_descriptions = $5,
    end_time = $6
WHERE tenant_id = $1 AND transfer_id = $2 AND end_time IS NULL;

-- name: list_abandoned
-- Transfers of the tenant that have not ended though their job has, and how that ended.
SELECT t.transfer_id, t.state, job.status
FROM jobs.ended_v1(
    ARRAY(
        SELECT job_id
        FROM orders.catalog_transfers
        WHERE tenant_id = $1 AND end_time IS NULL AND job_id IS NOT NULL
    )
) AS job
JOIN orders.catalog_transfers AS t ON t.tenant_id = $1 AND t.job_id = job.number
WHERE t.end_time IS NULL;

-- name: delete_old_transfers
-- A batch of a tenant's transfers asked for 30 days ago.
DELETE FROM orders.catalog_transfers
WHERE tenant_id = $1 AND transfer_id IN (
    SELECT transfer_id
    FROM orders.catalog_transfers
    WHERE tenant_id = $1 AND create_time <= $2::timestamptz - interval '30 days'
    ORDER BY transfer_id
    LIMIT $3
);
