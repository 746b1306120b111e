-- name: hold_tenant
-- Makes us the only one to change what the tenant has learned, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('learning ' || $1::uuid, 0));

-- name: wait_longer
-- A cycle waits for events that are being taken in.
SET LOCAL lock_timeout = '10s';

-- name: record_recommendation
-- Keeps a recommendation; no row if it is known.
INSERT INTO learning.recommendations (
    tenant_id, recommendation_id, agent_id, kind, product_ids, confidence, session_id, decision_id,
    create_time, principal_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant_id, recommendation_id) DO NOTHING
RETURNING recommendation_id;

-- name: find_recommendations
-- Those named in $2, of decision $3, or of session $4 without a decision if $3 is empty; what was
-- recommended to others than $5 is left out.
SELECT recommendation_id, agent_id, kind, product_ids, confidence, session_id, decision_id,
    create_time, outcome, outcome_source, outcome_time
FROM learning.recommendations
WHERE tenant_id = $1
    AND (
        recommendation_id = ANY($2::uuid[])
        OR (decision_id <> '' AND decision_id = $3)
        OR (decision_id = '' AND $3 = '' AND session_id = $4)
    )
    AND (principal_id IS NULL OR principal_id = $5)
ORDER BY recommendation_id;

-- name: record_outcomes
-- The outcomes that count from now on, by recommendation.
UPDATE learning.recommendations AS r
SET outcome = told.outcome, outcome_source = told.source, outcome_time = told.time
FROM unnest($2::uuid[], $3::double precision[], $4::text[], $5::timestamptz[])
    AS told (recommendation_id, outcome, source, time)
WHERE r.tenant_id = $1 AND r.recommendation_id = told.recommendation_id;

-- name: list_recommendations
-- A page before recommendation $3, newest first; of agent $2 unless NULL.
SELECT recommendation_id, agent_id, kind, product_ids, confidence, session_id, decision_id,
    create_time, outcome, outcome_source, outcome_time
FROM learning.recommendations
WHERE tenant_id = $1
    AND ($2::text IS NULL OR agent_id = $2)
    AND ($3::uuid IS NULL OR recommendation_id < $3)
ORDER BY recommendation_id DESC
LIMIT $4;

-- name: plan_for_arguments
-- Plans a list for the filters it is given, not one plan for all of them.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: add_to_tallies
-- Adds differences to counts.
INSERT INTO learning.tallies AS held (
    tenant_id, day, agent_id, subject, is_confident, recommendations, outcomes, successes
)
SELECT $1, more.day, more.agent_id, more.subject, more.is_confident, more.recommendations,
    more.outcomes, more.successes
FROM unnest(
    $2::date[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[]
) AS more (day, agent_id, subject, is_confident, recommendations, outcomes, successes)
ON CONFLICT (tenant_id, day, agent_id, subject, is_confident) DO UPDATE
    SET recommendations = held.recommendations + excluded.recommendations,
        outcomes = held.outcomes + excluded.outcomes,
        successes = held.successes + excluded.successes;

-- name: read_tallies
-- Counts of agents $2 since day $3, and how much of each no cycle has seen.
SELECT agent_id, subject, is_confident,
    sum(recommendations)::bigint AS recommendations,
    sum(outcomes)::bigint AS outcomes,
    sum(successes)::bigint AS successes,
    sum(recommendations - seen_recommendations)::bigint AS new_recommendations,
    sum(outcomes - seen_outcomes)::bigint AS new_outcomes,
    greatest(sum(successes - seen_successes), 0)::bigint AS new_successes
FROM learning.tallies
WHERE tenant_id = $1 AND agent_id = ANY($2::text[]) AND day >= $3
GROUP BY agent_id, subject, is_confident
ORDER BY agent_id, subject, is_confident;

-- name: mark_tallies_seen
-- A cycle has seen the counts of agents $2.
UPDATE learning.tallies
SET seen_recommendations = recommendations, seen_outcomes = outcomes, seen_successes = successes
WHERE tenant_id = $1 AND agent_id = ANY($2::text[])
    AND (seen_recommendations, seen_outcomes, seen_successes)
        IS DISTINCT FROM (recommendations, outcomes, successes);

-- name: forget_tallies
-- Deletes counts of days before $2.
DELETE FROM learning.tallies
WHERE tenant_id = $1 AND day < $2;

-- name: meet_agents
-- Rows at the prior for agents nothing is known of; returns whose.
INSERT INTO learning.trust (
    tenant_id, agent_id, as_of, evidence, value_sum, square_sum, timely_sum, unfailed_sum,
    boost, verdict, manual_state, told, settled, update_time
)
SELECT $1, agent_id, $3, 0, 0, 0, 0, 0, 0, 'active', NULL, $4, $4, $3
FROM unnest($2::text[]) AS met (agent_id)
ORDER BY agent_id
ON CONFLICT (tenant_id, agent_id) DO NOTHING
RETURNING agent_id;

-- name: read_agents
-- Trust in agents $2 (NULL: all), by name.
SELECT agent_id, as_of, evidence, value_sum, square_sum, timely_sum, unfailed_sum, boost, verdict,
    manual_state, told, settled, update_time
FROM learning.trust
WHERE tenant_id = $1 AND ($2::text[] IS NULL OR agent_id = ANY($2))
ORDER BY agent_id;

-- name: save_agent
-- The trust in an agent.
UPDATE learning.trust
SET as_of = $3, evidence = $4, value_sum = $5, square_sum = $6, timely_sum = $7, unfailed_sum = $8,
    boost = $9, verdict = $10, manual_state = $11, told = $12, settled = $13, update_time = $14
WHERE tenant_id = $1 AND agent_id = $2;

-- name: record_change
-- Keeps a change of trust for good.
INSERT INTO learning.trust_changes (
    tenant_id, agent_id, change_id, overall, boost, state, cause, create_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: last_changes
-- The last $3 changes of an agent, oldest first.
SELECT overall, boost, state, cause, create_time
FROM (
    SELECT change_id, overall, boost, state, cause, create_time
    FROM learning.trust_changes
    WHERE tenant_id = $1 AND agent_id = $2
    ORDER BY change_id DESC
    LIMIT $3
) AS last
ORDER BY change_id;

-- name: begin_cycle
-- Whether the tenant's cycle is ours to run, until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('learning.cycle ' || $1::uuid, 0));

-- name: last_served
-- Conversations by agent up to the last cycle; no row before the first.
SELECT served
FROM learning.cycles
WHERE tenant_id = $1
ORDER BY cycle_id DESC
LIMIT 1;

-- name: record_cycle
-- Keeps a cycle.
INSERT INTO learning.cycles (
    tenant_id, cycle_id, recommendations, outcomes, agents, served, create_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: record_insights
-- Keeps what cycle $2 has to say.
INSERT INTO learning.insights (
    tenant_id, insight_id, cycle_id, kind, text, agent_id, figures, create_time
)
SELECT $1, said.insight_id, $2, said.kind, said.text, said.agent_id, said.figures, $3
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
    AS said (insight_id, kind, text, agent_id, figures);

-- name: record_pattern
-- Keeps a regularity cycle $2 found.
INSERT INTO learning.patterns (
    tenant_id, cycle_id, position, pattern_id, kind, subject, agent_ids, outcomes, successes, low
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: get_cycle
-- One cycle.
SELECT cycle_id, recommendations, outcomes, agents, create_time
FROM learning.cycles
WHERE tenant_id = $1 AND cycle_id = $2;

-- name: list_cycles
-- A page of cycles before $2, newest first.
SELECT cycle_id, recommendations, outcomes, agents, create_time
FROM learning.cycles
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR cycle_id < $2)
ORDER BY cycle_id DESC
LIMIT $3;

-- name: insights_of_cycles
-- What cycles $2 have to say, in the order they said it.
SELECT insight_id, cycle_id, kind, text, agent_id, figures, create_time
FROM learning.insights
WHERE tenant_id = $1 AND cycle_id = ANY($2::uuid[])
ORDER BY cycle_id, insight_id DESC;

-- name: list_insights
-- A page of insights before $2, newest first.
SELECT insight_id, cycle_id, kind, text, agent_id, figures, create_time
FROM learning.insights
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR insight_id < $2)
ORDER BY insight_id DESC
LIMIT $3;

-- name: patterns_of_cycles
-- What cycles $2 found, the surest first.
SELECT pattern_id, cycle_id, kind, subject, agent_ids, outcomes, successes, low
FROM learning.patterns
WHERE tenant_id = $1 AND cycle_id = ANY($2::uuid[])
ORDER BY cycle_id, position;

-- name: patterns_of_last_cycle
-- What the last cycle found, the surest first; of kind $2 unless NULL.
SELECT pattern_id, cycle_id, kind, subject, agent_ids, outcomes, successes, low
FROM learning.patterns
WHERE tenant_id = $1
    AND cycle_id = (
        SELECT cycle_id
        FROM learning.cycles
        WHERE tenant_id = $1
        ORDER BY cycle_id DESC
        LIMIT 1
    )
    AND ($2::text IS NULL OR kind = $2)
ORDER BY position;

-- name: list_tenants
-- A page of all tenants something was learned of, after $1.
SELECT tenant_id, time_zone, cycle_date
FROM learning.list_tenants_v1($1, $2);

-- name: begin_nights
-- Day $2 counts as planned for a tenant no day was planned for.
INSERT INTO learning.tenants AS held (tenant_id, cycle_date)
VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET cycle_date = excluded.cycle_date
WHERE held.cycle_date IS NULL;

-- name: plan_night
-- Day $3 is planned if $2 was the last one; no row if not.
UPDATE learning.tenants
SET cycle_date = $3
WHERE tenant_id = $1 AND cycle_date = $2
RETURNING true AS planned;

-- name: settle_tenant
-- The tenant lives in time zone $2.
INSERT INTO learning.tenants (tenant_id, time_zone)
VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET time_zone = excluded.time_zone;
