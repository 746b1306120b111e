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
-- Makes waiting letters of a tenant due at $10, with those before each in its line: of those that are
-- meant up to $15, line by line, after letter $13 of the line of $11 and $12, which $14 says was put
-- off. Returns how many these are, how many of them were put off until now, and the last of them.
-- Locks in the order of numbers; of what stands before them only what may have to be made due.
WITH meant AS MATERIALIZED (
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
        AND (consumer, aggregate_id, number) > ($11::text, $12::text, $13::bigint)
    ORDER BY consumer, aggregate_id, number
    LIMIT $15
), ends AS MATERIALIZED (
    SELECT consumer, aggregate_id, max(number) AS number,
        (
            SELECT first.number
            FROM events.dead_letters AS first
            WHERE first.tenant_id = $1 AND first.consumer = meant.consumer
                AND first.aggregate_id = meant.aggregate_id AND first.status = 'waiting'
            ORDER BY first.number
            LIMIT 1
        ) AS first_number
    FROM meant
    GROUP BY consumer, aggregate_id
), locked AS MATERIALIZED (
    SELECT l.number, l.consumer, l.aggregate_id, l.next_attempt_at
    FROM events.dead_letters AS l
    JOIN ends ON ends.consumer = l.consumer AND ends.aggregate_id = l.aggregate_id
        AND l.number <= ends.number
    WHERE l.tenant_id = $1 AND l.status = 'waiting'
        AND (
            l.next_attempt_at > $10
            OR l.number = ends.first_number
            OR l.number IN (SELECT meant.number FROM meant)
        )
    ORDER BY l.number
    FOR UPDATE OF l
), lines AS (
    SELECT locked.number, locked.consumer, locked.aggregate_id,
        bool_or(locked.next_attempt_at > $10)
            OVER (PARTITION BY locked.consumer, locked.aggregate_id)
            OR ($14 AND locked.consumer = $11 AND locked.aggregate_id = $12) AS is_put_off
    FROM locked
), changed AS (
    UPDATE events.dead_letters AS l
    SET next_attempt_at = least(l.next_attempt_at, $10),
        interventions = l.interventions
            + CASE WHEN l.number IN (SELECT meant.number FROM meant) THEN 1 ELSE 0 END
    FROM lines
    WHERE l.tenant_id = $1 AND l.number = lines.number AND lines.is_put_off
    RETURNING l.number
), counted AS (
    SELECT (SELECT count(*) FROM meant)::integer AS meant,
        (SELECT count(*) FROM changed JOIN meant USING (number))::integer AS changed
)
SELECT counted.meant, counted.changed, last.consumer, last.aggregate_id, last.number,
    EXISTS (
        SELECT FROM lines
        WHERE lines.consumer = last.consumer AND lines.aggregate_id = last.aggregate_id
            AND lines.is_put_off
    ) AS is_put_off
FROM counted
CROSS JOIN (
    SELECT consumer, aggregate_id, number FROM meant
    ORDER BY consumer DESC, aggregate_id DESC, number DESC
    LIMIT 1
) AS last;

-- name: discard_letters
-- Gives waiting letters of a tenant up: $10 when, $11 who, $12 why; of those that are meant up to
-- $16, line by line, after letter $15 of the line of $13 and $14. Returns how many are meant, how
-- many of them were given up now, and the last of them. Locks in the order of numbers.
WITH meant AS MATERIALIZED (
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
        AND (consumer, aggregate_id, number) > ($13::text, $14::text, $15::bigint)
    ORDER BY consumer, aggregate_id, number
    LIMIT $16
), locked AS MATERIALIZED (
    SELECT number
    FROM events.dead_letters
    WHERE tenant_id = $1 AND status = 'waiting'
        AND number IN (SELECT meant.number FROM meant)
    ORDER BY number
    FOR UPDATE
), changed AS (
    UPDATE events.dead_letters AS l
    SET status = 'discarded', settle_time = $10, settled_by = $11, settle_reason = $12
    FROM locked
    WHERE l.tenant_id = $1 AND l.number = locked.number
    RETURNING l.number
), counted AS (
    SELECT (SELECT count(*) FROM meant)::integer AS meant,
        (SELECT count(*) FROM changed)::integer AS changed
)
SELECT counted.meant, counted.changed, last.consumer, last.aggregate_id, last.number,
    false AS is_put_off
FROM counted
CROSS JOIN (
    SELECT consumer, aggregate_id, number FROM meant
    ORDER BY consumer DESC, aggregate_id DESC, number DESC
    LIMIT 1
) AS last;
