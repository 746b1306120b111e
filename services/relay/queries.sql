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
-- Holds partitions for another term; returns those whose epoch is still ours.
UPDATE events.partitions AS p
SET expire_time = clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::smallint[], $2::bigint[]) AS held (partition, epoch)
WHERE p.partition = held.partition AND p.epoch = held.epoch
RETURNING p.partition;

-- name: release_partitions
-- Gives partitions back at once.
UPDATE events.partitions AS p
SET expire_time = '-infinity', holder = ''
FROM unnest($1::smallint[], $2::bigint[]) AS held (partition, epoch)
WHERE p.partition = held.partition AND p.epoch = held.epoch;

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
-- Rows waiting in the outbox and the age of the oldest in seconds.
SELECT count(*) AS waiting,
    coalesce(extract(epoch FROM clock_timestamp() - min(create_time)), 0)::float8 AS age_s
FROM events.outbox;

-- name: keep_log_month
-- Makes the log's month of a time, if it is not there.
SELECT events.keep_log_month($1);

-- name: drop_log_months_before
-- Drops the log's months that ended before a time's month; returns how many.
SELECT events.drop_log_months_before($1);
