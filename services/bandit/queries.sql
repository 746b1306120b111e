-- name: make_policy
-- Makes a policy unless there is one.
INSERT INTO bandit.policies (
    tenant_id, policy_id, partition, context_features, arm_features, alpha, exploration_floor,
    ridge, half_life_s, reward_window_s, default_reward, generation, version, last_seq, base_time,
    create_time, update_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, 1, 0, $12, $12, $12)
ON CONFLICT (tenant_id, policy_id) DO NOTHING;

-- name: read_policy
-- A policy with those of its arms that changed after version $3, as of one moment.
SELECT p.context_features, p.arm_features, p.alpha, p.exploration_floor, p.ridge, p.half_life_s,
    p.reward_window_s, p.default_reward, p.generation, p.version, p.base_time, p.create_time,
    p.update_time, a.arm_id, a.a, a.b, a.learned, a.reward_sum
FROM bandit.policies p
LEFT JOIN bandit.arms a
    ON a.tenant_id = p.tenant_id AND a.policy_id = p.policy_id AND a.version > $3
WHERE p.tenant_id = $1 AND p.policy_id = $2
ORDER BY a.arm_id;

-- name: policy_versions
-- The versions of the policies of some tenants.
SELECT tenant_id, policy_id, version FROM bandit.policy_versions_v1($1);

-- name: lock_policies
-- A tenant's policies, or one of them, kept from changing until the transaction ends.
SELECT policy_id, context_features, arm_features, alpha, exploration_floor, ridge, half_life_s,
    reward_window_s, default_reward, generation, version, last_seq, base_time, create_time
FROM bandit.policies
WHERE tenant_id = $1 AND ($2::text IS NULL OR policy_id = $2)
ORDER BY policy_id
FOR UPDATE;

-- name: change_policy
-- Changes a policy's settings, which is a new version.
UPDATE bandit.policies
SET context_features = $3, arm_features = $4, alpha = $5, exploration_floor = $6, ridge = $7,
    half_life_s = $8, reward_window_s = $9, default_reward = $10, generation = $11,
    base_time = $12, version = version + 1, update_time = $13
WHERE tenant_id = $1 AND policy_id = $2;

-- name: forget_arms
-- Begins a policy's statistics anew.
DELETE FROM bandit.arms WHERE tenant_id = $1 AND policy_id = $2;

-- name: contributions
-- What every decision of a policy's generation contributes.
-- every guest: statistics are made of all
SELECT decision_id, generation, arm_id, vector, create_time, expire_time, reward
FROM bandit.decisions
WHERE tenant_id = $1 AND policy_id = $2 AND generation = $3 AND reward IS NOT NULL
ORDER BY decision_id;

-- name: arm_figures
-- What is known of each arm: since the features last changed, and of the last 100 decisions.
-- every guest: statistics are made of all
WITH recent AS (
    SELECT arm_id, reward
    FROM bandit.decisions
    WHERE tenant_id = $1 AND policy_id = $2
    ORDER BY decision_id DESC
    LIMIT 100
), shares AS (
    SELECT arm_id, count(*)::float8 / sum(count(*)) OVER () AS share, avg(reward) AS reward
    FROM recent
    GROUP BY arm_id
), waiting AS (
    SELECT arm_id, count(*) AS decisions, max(create_time) AS last_choice_time
    FROM bandit.decisions
    WHERE tenant_id = $1 AND policy_id = $2 AND generation = $3 AND reward IS NULL
        AND NOT is_expired
    GROUP BY arm_id
), learned AS (
    SELECT arm_id, learned, reward_sum, last_choice_time
    FROM bandit.arms
    WHERE tenant_id = $1 AND policy_id = $2
)
SELECT arm_id, coalesce(learned, 0) AS learned, coalesce(learned, 0) + coalesce(decisions, 0)
        AS decisions,
    coalesce(reward_sum / nullif(learned, 0), 0) AS mean_reward,
    coalesce(shares.share, 0) AS recent_share, coalesce(shares.reward, 0) AS recent_reward,
    greatest(learned.last_choice_time, waiting.last_choice_time) AS last_choice_time
FROM learned
FULL JOIN waiting USING (arm_id)
FULL JOIN shares USING (arm_id)
ORDER BY arm_id;

-- name: record_decisions
-- Writes a batch of decisions; the ids of those written.
SELECT bandit.record_decisions_v1(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
) AS decision_id;

-- name: read_decision_by_request
-- What was decided for a request.
SELECT fingerprint, decision
FROM bandit.decisions
WHERE tenant_id = $1 AND principal_id = $2 AND request_id = $3;

-- name: read_decision
-- One decision; $3 is the principal_id that must own it, NULL for any.
SELECT decision_id, decision, is_expired, reward
FROM bandit.decisions
WHERE tenant_id = $1 AND decision_id = $2 AND ($3::text IS NULL OR principal_id = $3);

-- name: list_decisions
-- Decisions before $5, newest first; $2 is the principal_id that must own them, $3 the policy, $4
-- the session, each NULL for any.
SELECT decision_id, decision, is_expired, reward
FROM bandit.decisions
WHERE tenant_id = $1
    AND ($2::text IS NULL OR principal_id = $2)
    AND ($3::text IS NULL OR policy_id = $3)
    AND ($4::text IS NULL OR session_id = $4)
    AND ($5::uuid IS NULL OR decision_id < $5)
ORDER BY decision_id DESC
LIMIT $6;

-- name: plan_for_arguments
-- Plans the list by the filters it is given; a plan for any of them would use no index.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: newest_rewards
-- The newest reward of each source of some decisions.
SELECT DISTINCT ON (decision_id, source) decision_id, source, value, report_time, is_learned
FROM bandit.rewards
WHERE tenant_id = $1 AND decision_id = ANY ($2) AND source IS NOT NULL
ORDER BY decision_id, source, seq DESC NULLS FIRST, reward_id DESC;

-- name: report
-- Keeps a reward to be applied, if there is such a decision, of principal_id $6 unless NULL.
INSERT INTO bandit.rewards (tenant_id, decision_id, source, value, report_time)
SELECT tenant_id, decision_id, $3, $4, $5
FROM bandit.decisions
WHERE tenant_id = $1 AND decision_id = $2 AND ($6::text IS NULL OR principal_id = $6);

-- name: tenants_with_work
-- The tenants of some partitions that have rewards to apply or windows to end at $2.
SELECT tenant_id FROM bandit.tenants_with_work_v1($1, $2) AS tenant_id;

-- name: reports_to_apply
-- The next rewards to be applied with the decisions they are about.
-- every guest: statistics are made of all
SELECT r.reward_id, r.source, r.value, r.report_time, d.decision_id, d.policy_id, d.generation,
    d.arm_id, d.vector, d.create_time, d.expire_time, d.is_expired, d.reward
FROM bandit.rewards r
JOIN bandit.decisions d ON d.tenant_id = r.tenant_id AND d.decision_id = r.decision_id
WHERE r.tenant_id = $1 AND r.seq IS NULL
ORDER BY r.reward_id
LIMIT $2;

-- name: windows_to_end
-- The next decisions of a policy whose windows are over.
-- every guest: statistics are made of all
SELECT decision_id, policy_id, generation, arm_id, vector, create_time, expire_time, is_expired,
    reward
FROM bandit.decisions
WHERE tenant_id = $1 AND policy_id = $2 AND expire_time <= $3 AND NOT is_expired
ORDER BY expire_time, decision_id
LIMIT $4;

-- name: learned_values
-- The newest learned value of each source of some decisions.
SELECT DISTINCT ON (decision_id, source) decision_id, source, value
FROM bandit.rewards
WHERE tenant_id = $1 AND decision_id = ANY ($2) AND source IS NOT NULL AND is_learned
ORDER BY decision_id, source, seq DESC;

-- name: read_arms
-- Statistics of some arms of a policy.
SELECT arm_id, a, b, learned, reward_sum
FROM bandit.arms
WHERE tenant_id = $1 AND policy_id = $2 AND ($3::text[] IS NULL OR arm_id = ANY ($3));

-- name: number_reports
-- Says which rewards were applied as which, and which of them were learned.
UPDATE bandit.rewards AS r
SET seq = n.seq, is_learned = n.is_learned
FROM unnest($2::bigint[], $3::bigint[], $4::boolean[]) AS n (reward_id, seq, is_learned)
WHERE r.tenant_id = $1 AND r.reward_id = n.reward_id;

-- name: end_windows
-- Writes the ends of windows into the order.
INSERT INTO bandit.rewards (tenant_id, decision_id, value, report_time, seq, is_learned)
SELECT $1, n.decision_id, $2, $3, n.seq, n.is_learned
FROM unnest($4::uuid[], $5::bigint[], $6::boolean[]) AS n (decision_id, seq, is_learned);

-- name: settle_decisions
-- Says what decisions contribute and whether their windows are over.
-- every guest: their rewards are applied together
UPDATE bandit.decisions AS d
SET reward = n.reward, is_expired = n.is_expired
FROM unnest($2::uuid[], $3::float8[], $4::boolean[]) AS n (decision_id, reward, is_expired)
WHERE d.tenant_id = $1 AND d.decision_id = n.decision_id;

-- name: keep_arms
-- Writes statistics of arms, and the policy's version they came with.
INSERT INTO bandit.arms AS known (
    tenant_id, policy_id, arm_id, a, b, learned, reward_sum, last_choice_time, version
)
SELECT $1, $2, n.arm_id, n.a, n.b, n.learned, n.reward_sum, n.last_choice_time, $3
FROM unnest($4::text[], $5::bytea[], $6::bytea[], $7::bigint[], $8::float8[], $9::timestamptz[])
    AS n (arm_id, a, b, learned, reward_sum, last_choice_time)
ON CONFLICT (tenant_id, policy_id, arm_id) DO UPDATE
SET a = excluded.a, b = excluded.b, learned = excluded.learned, reward_sum = excluded.reward_sum,
    last_choice_time = greatest(known.last_choice_time, excluded.last_choice_time),
    version = excluded.version;

-- name: advance_policy
-- A policy's next version, after rewards up to a number of the order were applied.
UPDATE bandit.policies
SET version = $3, last_seq = $4, base_time = $5, update_time = $6
WHERE tenant_id = $1 AND policy_id = $2;

-- name: observations
-- Every decision of a policy's generation, as learning sees it.
-- every guest: statistics are made of all
SELECT decision_id, generation, arm_id, vector, create_time, expire_time
FROM bandit.decisions
WHERE tenant_id = $1 AND policy_id = $2 AND generation = $3;

-- name: reward_rows
-- Every row applied to a policy's generation, in order.
-- every guest: statistics are made of all
SELECT r.decision_id, r.source, r.value, r.report_time
FROM bandit.rewards r
JOIN bandit.decisions d ON d.tenant_id = r.tenant_id AND d.decision_id = r.decision_id
WHERE r.tenant_id = $1 AND d.policy_id = $2 AND d.generation = $3 AND r.seq IS NOT NULL
ORDER BY r.seq;
