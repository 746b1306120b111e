-- name: lock_conversation
-- Who serves a guest's conversation now; its ratings are given one after the other.
SELECT decision_id, agent_id
FROM coordinator.sessions
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3
FOR UPDATE;

-- name: find_agent
-- Who served a guest by a decision, if it is one of the conversation's.
SELECT agent_id
FROM coordinator.turns
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND decision_id = $4
ORDER BY ordinal DESC
LIMIT 1;

-- name: insert_rating
-- A guest rated.
INSERT INTO coordinator.feedback
    (tenant_id, feedback_id, session_id, principal_id, decision_id, agent_id, rating, comment,
     create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: has_conversation
-- Whether there is such a conversation; staff ($3 null) see every guest's.
SELECT EXISTS (
    SELECT 1
    FROM coordinator.sessions
    WHERE tenant_id = $1 AND session_id = $2 AND ($3::text IS NULL OR principal_id = $3)
);

-- name: count_ratings
-- Ratings of a conversation by stars, the last one of each decision; staff ($3 null) see all.
SELECT rating, count(*) AS many, max(create_time) AS last_at
FROM (
    SELECT DISTINCT ON (decision_id) rating, create_time
    FROM coordinator.feedback
    WHERE tenant_id = $1 AND session_id = $2 AND ($3::text IS NULL OR principal_id = $3)
    ORDER BY decision_id, seq DESC
) counting
GROUP BY rating;

-- name: abandon_conversations
-- every guest: marks up to $4 conversations that lie idle since before $2 with a cart.
UPDATE coordinator.sessions
SET abandon_time = $3
WHERE tenant_id = $1 AND session_id IN (
    SELECT session_id
    FROM coordinator.sessions
    WHERE tenant_id = $1 AND update_time < $2 AND abandon_time IS NULL
        AND cart -> 'lines' <> '[]'
        AND coalesce(lease_expire_time <= clock_timestamp(), true)
    ORDER BY update_time
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING session_id, principal_id, decision_id, agent_id;
