-- name: insert_session
-- Begins a conversation.
INSERT INTO coordinator.sessions
    (tenant_id, session_id, principal_id, cart, dialogue, create_time, update_time)
VALUES ($1, $2, $3, $4, $5, $6, $6);

-- name: get_session
-- Reads a conversation for its owner.
SELECT session_id, cart, dialogue, create_time, update_time
FROM coordinator.sessions
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3;

-- name: begin_new_turn
-- A message is answered that has nothing before it to look after; principal_id is $3.
SELECT epoch, ordinal, cart, dialogue, came_before, recent
FROM coordinator.begin_turn_v1($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: begin_effect
-- Stores how far a turn has come and that a call begins, under the lease; the attempt.
SELECT coordinator.begin_effect_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: record_effect
-- Stores what a call came to, and how far the turn has come, under the lease.
SELECT coordinator.record_effect_v1(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
);

-- name: finish_turn
-- Stores a turn, what the next needs and what was recommended, and gives the lease back.
SELECT coordinator.finish_turn_v1(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
);

-- name: lock_session
-- Reads a conversation for its owner and keeps others from it until the transaction ends.
SELECT s.cart, s.dialogue,
    coalesce(s.lease_expire_time > clock_timestamp(), false) AS leased,
    CASE WHEN s.agent_id = '' THEN EXISTS (
        SELECT 1
        FROM coordinator.sessions o
        WHERE o.tenant_id = s.tenant_id AND o.principal_id = s.principal_id
            AND o.session_id < s.session_id
    ) ELSE false END AS came_before,
    EXISTS (
        SELECT 1
        FROM coordinator.turns t
        WHERE t.tenant_id = s.tenant_id AND t.session_id = s.session_id
            AND (t.state = 1 OR t.checkpoint IS NOT NULL)
    ) AS unsettled
FROM coordinator.sessions s
WHERE s.tenant_id = $1 AND s.session_id = $2 AND s.principal_id = $3
FOR UPDATE;

-- name: renew_lease
-- Holds a lease for another term, unless another epoch began; one given back stays given back.
UPDATE coordinator.sessions
SET lease_expire_time = CASE WHEN lease_expire_time IS NOT NULL
    THEN clock_timestamp() + make_interval(secs => $5) END
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND lease_epoch = $4
RETURNING lease_epoch;

-- name: fence_session
-- Checks the epoch and keeps it from changing until the transaction ends.
SELECT lease_epoch
FROM coordinator.sessions
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND lease_epoch = $4
FOR UPDATE;

-- name: write_session
-- Stores cart and dialogue under the lease.
UPDATE coordinator.sessions
SET cart = $5, dialogue = $6, update_time = $7, decision_id = $8, agent_id = $9
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND lease_epoch = $4
RETURNING lease_epoch;

-- name: release_lease
-- Gives the lease back.
UPDATE coordinator.sessions
SET lease_expire_time = NULL
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND lease_epoch = $4
RETURNING lease_epoch;

-- name: get_turn
-- Reads the turn of a key.
SELECT turn_id, session_id, request_id, ordinal, user_text, state, answer, cart, placed_order,
    usage, read_back, decision_id, agent_id, citations, recommendation_ids, create_time,
    checkpoint
FROM coordinator.turns
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND request_id = $4;

-- name: list_turns
-- A page of a conversation's turns after an ordinal, oldest first.
SELECT turn_id, session_id, request_id, ordinal, user_text, state, answer, cart, placed_order,
    usage, read_back, decision_id, agent_id, citations, recommendation_ids, create_time
FROM coordinator.turns
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND ordinal > $4
ORDER BY ordinal
LIMIT $5;

-- name: recent_turns
-- The last turns, newest first: what a model is reminded of; and the turn of a key, if there is.
(
    SELECT ordinal, request_id, user_text, answer, state, read_back
    FROM coordinator.turns
    WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3
    ORDER BY ordinal DESC
    LIMIT $4
)
UNION
SELECT ordinal, request_id, user_text, answer, state, read_back
FROM coordinator.turns
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND request_id = $5
ORDER BY ordinal DESC;

-- name: begin_turn
-- A message is being answered, anew or again after its turn ended by an error or its coordinator
-- died; and the caller is the one writer of the session for a term ($10, in seconds).
WITH lease AS (
    UPDATE coordinator.sessions
    SET lease_epoch = lease_epoch + 1,
        lease_expire_time = clock_timestamp() + make_interval(secs => $10)
    WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3
    RETURNING lease_epoch
)
INSERT INTO coordinator.turns
    (tenant_id, session_id, ordinal, turn_id, principal_id, request_id, user_text, state, cart,
     create_time, update_time)
VALUES ($1, $2, $4, $5, $3, $6, $7, 1, $8, $9, $11)
ON CONFLICT (tenant_id, session_id, request_id)
DO UPDATE SET state = 1, ordinal = excluded.ordinal, update_time = excluded.update_time
RETURNING (SELECT lease_epoch FROM lease);

-- name: fail_abandoned_turns
-- Turns whose coordinator died before any effect will not go on: another message came.
UPDATE coordinator.turns
SET state = 3, update_time = $5
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND request_id <> $4
    AND state = 1 AND checkpoint IS NULL;

-- name: lost_turns
-- Turns that stopped around an effect, with the call whose outcome is unknown, if there is one.
SELECT t.turn_id, t.session_id, t.request_id, t.ordinal, t.user_text, t.state, t.answer, t.cart,
    t.placed_order, t.usage, t.read_back, t.decision_id, t.agent_id, t.citations,
    t.recommendation_ids, t.create_time, t.checkpoint, c.node_id AS begun_node_id,
    c.ordinal AS begun_ordinal
FROM coordinator.turns t
LEFT JOIN coordinator.tool_calls c
    ON c.tenant_id = t.tenant_id AND c.run_id = t.turn_id AND c.session_id = t.session_id
    AND c.principal_id = t.principal_id AND c.ok IS NULL
WHERE t.tenant_id = $1 AND t.session_id = $2 AND t.principal_id = $3 AND t.request_id <> $4
    AND t.checkpoint IS NOT NULL
ORDER BY t.ordinal;

-- name: end_turn
-- Stores what a turn came to.
UPDATE coordinator.turns
SET state = $5, answer = $6, cart = $7, placed_order = $8, usage = $9, read_back = $10,
    checkpoint = NULL, update_time = $11, decision_id = $12, agent_id = $13, citations = $14,
    recommendation_ids = $15
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND turn_id = $4;

-- name: fail_turn
-- A turn ended by an error; its checkpoint, if any, stays for the same message sent again.
UPDATE coordinator.turns
SET state = 3, update_time = $5
WHERE tenant_id = $1 AND session_id = $2 AND principal_id = $3 AND turn_id = $4 AND state = 1;

-- name: end_call
-- What a tool call came to is known.
UPDATE coordinator.tool_calls
SET ok = $7, update_time = $8
WHERE tenant_id = $1 AND run_id = $2 AND node_id = $3 AND ordinal = $4 AND session_id = $5
    AND principal_id = $6;
