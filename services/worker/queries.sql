-- name: announce_worker
-- Names a worker that Procrastinate knows by number, and says whether it drains; writes nothing if
-- all of that is known.
INSERT INTO jobs.workers AS known (worker_id, name, queues, concurrency, is_draining)
VALUES ($1, $2, $3::text[], $4, $5)
ON CONFLICT (worker_id) DO UPDATE SET is_draining = excluded.is_draining
WHERE known.is_draining <> excluded.is_draining;

-- name: beat
-- Worker $1 lives; no row if it was forgotten.
UPDATE jobs.procrastinate_workers SET last_heartbeat = now() WHERE id = $1 RETURNING id;

-- name: end_run
-- Job $1 has come to status $4 in the run that worker $2 began after $3 others; no row if that is
-- not its current one.
UPDATE jobs.procrastinate_jobs
SET status = $4::text::jobs.procrastinate_job_status, abort_requested = false,
    attempts = attempts + 1
WHERE id = $1 AND status = 'doing' AND worker_id = $2 AND attempts = $3
RETURNING id;

-- name: put_back
-- Job $1 runs again, not before $4, after that run; aborted if it was called off. It was in its
-- queue already: another that waits by the same queueing lock is no reason to lose it.
UPDATE jobs.procrastinate_jobs
SET status = CASE WHEN abort_requested THEN 'aborted' ELSE 'todo' END
        ::jobs.procrastinate_job_status,
    abort_requested = false,
    attempts = attempts + 1,
    worker_id = NULL,
    queueing_lock = NULL,
    scheduled_at = $4
WHERE id = $1 AND status = 'doing' AND worker_id = $2 AND attempts = $3
RETURNING id;

-- name: forget_workers
-- Forgets workers that have been silent for $1 seconds.
DELETE FROM jobs.procrastinate_workers
WHERE last_heartbeat < now() - make_interval(secs => $1);

-- name: keep_schedules
-- Replaces what schedules are known.
WITH given AS (
    SELECT task, cron, queue
    FROM unnest($1::text[], $2::text[], $3::text[]) AS given (task, cron, queue)
), dropped AS (
    DELETE FROM jobs.schedules AS s
    WHERE NOT EXISTS (SELECT 1 FROM given WHERE given.task = s.task AND given.cron = s.cron)
)
INSERT INTO jobs.schedules (task, cron, queue)
SELECT task, cron, queue FROM given
ON CONFLICT (task, cron) DO UPDATE SET queue = excluded.queue;

-- name: list_schedules
-- All schedules, and when each last deferred a job.
SELECT s.task, s.cron, s.queue,
    (
        SELECT to_timestamp(max(d.defer_timestamp))
        FROM jobs.procrastinate_periodic_defers AS d
        WHERE d.task_name = s.task AND d.periodic_id = s.cron
    ) AS last_time
FROM jobs.schedules AS s
ORDER BY s.task, s.cron;

-- name: rescue
-- Jobs whose worker has been silent for $1 seconds or is gone, and jobs $2 of worker $3 that it
-- knows nothing of, go back to be fetched; after their last attempt ($4, $5 by task, else $6) they
-- have failed. A job whose run is just committing its effects is left for the next time. As with
-- `put_back`, no other that waits keeps one from going back.
WITH lost AS (
    SELECT j.id
    FROM jobs.procrastinate_jobs AS j
    WHERE j.status = 'doing'
        AND (
            (j.id = ANY($2::bigint[]) AND j.worker_id = $3)
            OR NOT EXISTS (
                SELECT 1
                FROM jobs.procrastinate_workers AS w
                WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => $1)
            )
        )
    FOR UPDATE OF j SKIP LOCKED
), moved AS (
    UPDATE jobs.procrastinate_jobs AS j
    SET status = CASE
            WHEN j.abort_requested THEN 'aborted'
            WHEN j.attempts + 1 >= coalesce(t.attempts, $6) THEN 'failed'
            ELSE 'todo'
        END::jobs.procrastinate_job_status,
        abort_requested = false,
        attempts = j.attempts + 1,
        worker_id = NULL,
        queueing_lock = NULL,
        scheduled_at = NULL
    FROM lost
    JOIN jobs.procrastinate_jobs AS same ON same.id = lost.id
    LEFT JOIN unnest($4::text[], $5::integer[]) AS t (task, attempts) ON t.task = same.task_name
    WHERE j.id = lost.id
    RETURNING j.id, j.queue_name, j.task_name, j.status, j.attempts
)
SELECT id, task_name, status::text AS status, attempts,
    CASE WHEN status = 'todo' THEN
        pg_notify('procrastinate_queue_v1#' || queue_name,
            json_build_object('type', 'job_inserted', 'job_id', id)::text)
    END AS told
FROM moved;

-- name: running_of_worker
-- Jobs the database says worker $1 is in.
SELECT id FROM jobs.procrastinate_jobs WHERE status = 'doing' AND worker_id = $1;

-- name: note_progress
-- How far job $1 is.
INSERT INTO jobs.progress AS held (job_id, done, total, note, update_time)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (job_id) DO UPDATE
    SET done = excluded.done, total = excluded.total, note = excluded.note, update_time = now();

-- name: note_error
-- The kind of the last failure of job $1.
INSERT INTO jobs.progress AS held (job_id, error)
VALUES ($1, $2)
ON CONFLICT (job_id) DO UPDATE SET error = excluded.error;

-- name: forget_jobs
-- Deletes up to $3 jobs that ended over $1 seconds ago, of failed ones over $2 seconds ago.
DELETE FROM jobs.procrastinate_jobs
WHERE id IN (
    SELECT j.id
    FROM jobs.procrastinate_jobs AS j
    WHERE j.status IN ('succeeded', 'failed', 'cancelled', 'aborted')
        AND NOT EXISTS (
            SELECT 1
            FROM jobs.procrastinate_events AS e
            WHERE e.job_id = j.id
                AND e.at >= now() - make_interval(
                    secs => CASE WHEN j.status = 'failed' THEN $2::float8 ELSE $1::float8 END)
        )
    ORDER BY j.id
    LIMIT $3
);

-- name: list_jobs
-- A page before job $1, newest first; of tenant $2, queue $3, task $4 and in status $5 unless NULL.
SELECT j.id, j.queue_name, j.task_name, j.args ->> 'tenant_id' AS tenant, j.status::text AS status,
    j.attempts, j.scheduled_at, p.done, p.total, p.note, p.error, p.update_time, w.name AS worker,
    e.create_time, e.start_time, e.end_time
FROM jobs.procrastinate_jobs AS j
LEFT JOIN jobs.progress AS p ON p.job_id = j.id
LEFT JOIN jobs.workers AS w ON w.worker_id = j.worker_id
LEFT JOIN LATERAL (
    SELECT min(at) FILTER (WHERE type = 'deferred') AS create_time,
        max(at) FILTER (WHERE type = 'started') AS start_time,
        max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled', 'aborted')) AS end_time
    FROM jobs.procrastinate_events
    WHERE job_id = j.id
) AS e ON true
WHERE ($1::bigint IS NULL OR j.id < $1)
    AND ($2::text IS NULL OR j.args ->> 'tenant_id' = $2)
    AND ($3::text IS NULL OR j.queue_name = $3)
    AND ($4::text IS NULL OR j.task_name = $4)
    AND ($5::jobs.procrastinate_job_status[] IS NULL OR j.status = ANY($5))
ORDER BY j.id DESC
LIMIT $6;

-- name: get_job
-- Job $1, of tenant $2 unless NULL.
SELECT j.id, j.queue_name, j.task_name, j.args ->> 'tenant_id' AS tenant, j.status::text AS status,
    j.attempts, j.scheduled_at, p.done, p.total, p.note, p.error, p.update_time, w.name AS worker,
    e.create_time, e.start_time, e.end_time
FROM jobs.procrastinate_jobs AS j
LEFT JOIN jobs.progress AS p ON p.job_id = j.id
LEFT JOIN jobs.workers AS w ON w.worker_id = j.worker_id
LEFT JOIN LATERAL (
    SELECT min(at) FILTER (WHERE type = 'deferred') AS create_time,
        max(at) FILTER (WHERE type = 'started') AS start_time,
        max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled', 'aborted')) AS end_time
    FROM jobs.procrastinate_events
    WHERE job_id = j.id
) AS e ON true
WHERE j.id = $1 AND ($2::text IS NULL OR j.args ->> 'tenant_id' = $2);

-- name: retry_job
-- Has failed job $1 run again, with as many attempts as at first; no row if it did not fail.
WITH moved AS (
    UPDATE jobs.procrastinate_jobs
    SET status = 'todo', attempts = 0, scheduled_at = NULL, worker_id = NULL, queueing_lock = NULL
    WHERE id = $1 AND status = 'failed'
    RETURNING id, queue_name
)
SELECT id,
    pg_notify('procrastinate_queue_v1#' || queue_name,
        json_build_object('type', 'job_inserted', 'job_id', id)::text) AS told
FROM moved;

-- name: failed_jobs
-- The failed jobs, oldest first.
SELECT id FROM jobs.procrastinate_jobs WHERE status = 'failed' ORDER BY id;

-- name: cancel_job
-- Calls job $1 off; NULL if it has ended.
SELECT jobs.procrastinate_cancel_job_v1($1, true, false) AS id;

-- name: list_workers
-- Every worker that has said what it serves, with the seconds since it lived and its jobs.
SELECT w.id, n.name, n.queues, n.concurrency, n.is_draining,
    greatest(extract(epoch FROM now() - w.last_heartbeat), 0)::double precision AS age_s,
    ARRAY(
        SELECT j.id
        FROM jobs.procrastinate_jobs AS j
        WHERE j.worker_id = w.id AND j.status = 'doing'
        ORDER BY j.id
    ) AS running
FROM jobs.procrastinate_workers AS w
JOIN jobs.workers AS n ON n.worker_id = w.id
ORDER BY n.name, w.id;

-- name: measure_queues
-- What waits (its time having come), runs and has failed, by queue, and since when the oldest waits.
-- Of those that nobody put off the first few to be fetched are looked at: with a hundred thousand
-- waiting, each one's events are too much to read every few seconds.
SELECT q.queue, q.waiting, q.running, q.failed,
    coalesce(extract(epoch FROM now() - least(q.put_off_until, first.at)), 0)::float8
        AS oldest_age_s
FROM (
    SELECT queue_name AS queue,
        count(*) FILTER (WHERE status = 'todo') AS waiting,
        count(*) FILTER (WHERE status = 'doing') AS running,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        min(scheduled_at) FILTER (WHERE status = 'todo') AS put_off_until,
        (array_agg(id ORDER BY id) FILTER (WHERE status = 'todo' AND scheduled_at IS NULL))[1:20]
            AS first_ids
    FROM jobs.procrastinate_jobs
    WHERE status IN ('todo', 'doing', 'failed')
        AND (status <> 'todo' OR scheduled_at IS NULL OR scheduled_at <= now())
    GROUP BY queue_name
) AS q
LEFT JOIN LATERAL (
    SELECT min(waiting.at) AS at
    FROM (
        SELECT max(e.at) AS at
        FROM jobs.procrastinate_events AS e
        WHERE e.job_id = ANY (q.first_ids)
            AND e.type IN ('deferred', 'deferred_for_retry', 'retried')
        GROUP BY e.job_id
    ) AS waiting
) AS first ON true;
