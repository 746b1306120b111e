-- name: list_letters
-- A page of a tenant's letters, the last set aside first; $10 the number before which, $11 most.
SELECT number, dead_letter_id, consumer, partition, seq, event_id, type, aggregate_id,
    principal_id, error, attempts, interventions, create_time, attempt_time, next_attempt_at,
    status, settle_time, settled_by, settle_reason
FROM events.dead_letters
WHERE tenant_id = $1
    AND ($2::uuid[] IS NULL OR dead_letter_id = ANY ($2))
    AND ($3::text IS NULL OR consumer = $3)
    AND ($4::text IS NULL OR type = $4)
    AND ($5::text IS NULL OR aggregate_id = $5)
    AND ($6::text IS NULL OR status = $6)
    AND ($7::text IS NULL OR strpos(lower(error), lower($7)) > 0)
    AND ($8::timestamptz IS NULL OR create_time >= $8)
    AND ($9::timestamptz IS NULL OR create_time < $9)
    AND ($10::bigint IS NULL OR number < $10)
ORDER BY number DESC
LIMIT $11;

-- name: get_letter
-- One letter of a tenant, with its payload.
SELECT number, dead_letter_id, consumer, partition, seq, event_id, type, aggregate_id,
    principal_id, error, attempts, interventions, create_time, attempt_time, next_attempt_at,
    status, settle_time, settled_by, settle_reason, payload
FROM events.dead_letters
WHERE tenant_id = $1 AND dead_letter_id = $2;

-- name: replay_letters
-- Makes a tenant's waiting letters due at $10, with those before each in its line; returns how many
-- were meant, and how many of them were put off until now. Locks in the order of numbers.
WITH meant AS (
    SELECT number, consumer, aggregate_id
    FROM events.dead_letters
    WHERE tenant_id = $1 AND status = 'waiting'
        AND ($2::uuid[] IS NULL OR dead_letter_id = ANY ($2))
        AND ($3::text IS NULL OR consumer = $3)
        AND ($4::text IS NULL OR type = $4)
        AND ($5::text IS NULL OR aggregate_id = $5)
        AND ($6::text IS NULL OR status = $6)
        AND ($7::text IS NULL OR strpos(lower(error), lower($7)) > 0)
        AND ($8::timestamptz IS NULL OR create_time >= $8)
        AND ($9::timestamptz IS NULL OR create_time < $9)
), ends AS (
    SELECT consumer, aggregate_id, max(number) AS number FROM meant GROUP BY 1, 2
), locked AS MATERIALIZED (
    SELECT l.number, l.consumer, l.aggregate_id, l.next_attempt_at
    FROM events.dead_letters AS l
    JOIN ends ON ends.consumer = l.consumer AND ends.aggregate_id = l.aggregate_id
        AND l.number <= ends.number
    WHERE l.tenant_id = $1 AND l.status = 'waiting'
    ORDER BY l.number
    FOR UPDATE OF l
), lines AS (
    SELECT locked.number,
        bool_or(locked.next_attempt_at > $10)
            OVER (PARTITION BY locked.consumer, locked.aggregate_id) AS is_put_off
    FROM locked
), changed AS (
    UPDATE events.dead_letters AS l
    SET next_attempt_at = least(l.next_attempt_at, $10),
        interventions = l.interventions
            + CASE WHEN l.number IN (SELECT meant.number FROM meant) THEN 1 ELSE 0 END
    FROM lines
    WHERE l.tenant_id = $1 AND l.number = lines.number AND lines.is_put_off
    RETURNING l.number
)
SELECT (SELECT count(*) FROM meant)::integer AS meant,
    (SELECT count(*) FROM changed JOIN meant USING (number))::integer AS changed;

-- name: discard_letters
-- Gives a tenant's waiting letters up: $10 when, $11 who, $12 why. Locks in the order of numbers.
UPDATE events.dead_letters AS l
SET status = 'discarded', settle_time = $10, settled_by = $11, settle_reason = $12
FROM (
    SELECT number
    FROM events.dead_letters
    WHERE tenant_id = $1 AND status = 'waiting'
        AND ($2::uuid[] IS NULL OR dead_letter_id = ANY ($2))
        AND ($3::text IS NULL OR consumer = $3)
        AND ($4::text IS NULL OR type = $4)
        AND ($5::text IS NULL OR aggregate_id = $5)
        AND ($6::text IS NULL OR status = $6)
        AND ($7::text IS NULL OR strpos(lower(error), lower($7)) > 0)
        AND ($8::timestamptz IS NULL OR create_time >= $8)
        AND ($9::timestamptz IS NULL OR create_time < $9)
    ORDER BY number
    FOR UPDATE
) AS meant
WHERE l.tenant_id = $1 AND l.number = meant.number;
