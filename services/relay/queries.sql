-- name: take_partitions
-- Takes partitions nobody holds, each with a new epoch; $1 holder, $2 term in seconds.
UPDATE events.partitions AS p
SET holder = $1, epoch = p.epoch + 1,
    expire_time = clock_timestamp() + make_interval(secs => $2)
FROM (
    SELECT partition FROM events.partitions
    WHERE expire_time < clock_timestamp()
    ORDER BY partition
    FOR UPDATE SKIP LOCKED
) AS free
WHERE p.partition = free.partition
RETURNING p.partition, p.epoch;

-- name: renew_partitions
-- Holds partitions for another term; returns those whose epoch is still ours. Locks them in the
-- order in which a move does: each waits for the other, never both.
WITH ours AS MATERIALIZED (
    SELECT p.partition, p.epoch
    FROM events.partitions AS p
    JOIN unnest($1::smallint[], $2::bigint[]) AS held (partition, epoch)
        ON p.partition = held.partition AND p.epoch = held.epoch
    ORDER BY p.partition
    FOR UPDATE OF p
)
UPDATE events.partitions AS p
SET expire_time = clock_timestamp() + make_interval(secs => $3)
FROM ours
WHERE p.partition = ours.partition AND p.epoch = ours.epoch
RETURNING p.partition;

-- name: release_partitions
-- Gives partitions back at once; locks them as `renew_partitions` does.
WITH ours AS MATERIALIZED (
    SELECT p.partition, p.epoch
    FROM events.partitions AS p
    JOIN unnest($1::smallint[], $2::bigint[]) AS held (partition, epoch)
        ON p.partition = held.partition AND p.epoch = held.epoch
    ORDER BY p.partition
    FOR UPDATE OF p
)
UPDATE events.partitions AS p
SET expire_time = '-infinity', holder = ''
FROM ours
WHERE p.partition = ours.partition AND p.epoch = ours.epoch;

-- name: move
-- Moves visible outbox rows of partitions whose epoch is ours to the log; $3 at most of each.
SELECT partition, seq, tenant_id, type, principal_id, payload
FROM events.move_v1($1, $2, $3);

-- name: heads
-- The newest number of each partition.
SELECT partition, head_seq FROM events.partitions;

-- name: first_since
-- The oldest number of a partition that was logged since a time.
SELECT seq FROM events.log
WHERE partition = $1 AND log_time >= $2
ORDER BY log_time, seq
LIMIT 1;

-- name: read_log
-- Events of a partition after a number, in order.
SELECT partition, seq, tenant_id, type, principal_id, payload
FROM events.log
WHERE partition = $1 AND seq > $2
ORDER BY seq
LIMIT $3;

-- name: backlog
-- Rows waiting in the outbox, of which no more than $1 are counted, and the age in seconds of the
-- oldest: it is the first of its partition.
SELECT (SELECT count(*) FROM (SELECT FROM events.outbox LIMIT $1) AS counted) AS waiting,
    coalesce(extract(epoch FROM clock_timestamp() - min(first.create_time)), 0)::float8 AS age_s
FROM events.partitions AS p
CROSS JOIN LATERAL (
    SELECT o.create_time
    FROM events.outbox AS o
    WHERE o.partition = p.partition
    ORDER BY o.id
    LIMIT 1
) AS first;

-- name: keep_log_month
-- Makes the log's month of a time, if it is not there.
SELECT events.keep_log_month($1);

-- name: count_letters
-- How many dead letters there are, by consumer and status, of all tenants.
SELECT consumer, status, letters FROM events.count_letters_v1();

-- name: delete_settled_letters
-- Deletes up to $2 dead letters that were settled before a time; returns how many.
SELECT events.delete_settled_letters_v1($1, $2);

-- name: keep_this_log_month
-- Makes the log's month of the database's own time, if it is not there.
SELECT events.keep_log_month(now());

-- name: drop_log_months_before
-- Drops the log's months that ended before a time's month; returns how many.
SELECT events.drop_log_months_before($1);
