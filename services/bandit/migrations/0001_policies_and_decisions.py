"""Policies, what was learned of arms, decisions and the order of their rewards."""

from alembic import op

from services.chassis.data.offsets import consumer_tables
from services.chassis.data.tenancy import guarded

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE bandit.policies (
    tenant_id uuid NOT NULL,
    policy_id text NOT NULL,
    -- of the tenant's events: who holds it applies the rewards
    partition smallint NOT NULL,
    context_features text[] NOT NULL,
    arm_features text[] NOT NULL,
    alpha double precision NOT NULL,
    exploration_floor double precision NOT NULL,
    ridge double precision NOT NULL,
    half_life_s double precision,
    reward_window_s double precision NOT NULL,
    default_reward double precision NOT NULL,
    -- counts changes of features: statistics of another generation do not fit
    generation integer NOT NULL,
    -- counts changes of settings and statistics
    version bigint NOT NULL,
    -- rows of rewards applied
    last_seq bigint NOT NULL,
    -- what discounted sums are relative to
    base_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, policy_id)
) WITH (fillfactor = 70);

CREATE TABLE bandit.arms (
    tenant_id uuid NOT NULL,
    policy_id text NOT NULL,
    arm_id text NOT NULL,
    -- sums of w x xT and w r x without the ridge: float64, row by row
    a bytea NOT NULL,
    b bytea NOT NULL,
    learned bigint NOT NULL,
    reward_sum double precision NOT NULL,
    last_choice_time timestamptz NOT NULL,
    -- of the policy when this last changed
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, arm_id)
) WITH (fillfactor = 70);

CREATE TABLE bandit.decisions (
    tenant_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    policy_id text NOT NULL,
    generation integer NOT NULL,
    principal_id text NOT NULL,
    session_id text,
    arm_id text NOT NULL,
    -- the chosen arm's x: float64
    vector bytea NOT NULL,
    request_id text,
    fingerprint bytea,
    -- maitred.bandit.v1.Decision as made
    decision bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    is_expired boolean NOT NULL DEFAULT false,
    -- what it contributes; none before it is learned
    reward double precision,
    PRIMARY KEY (tenant_id, decision_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX decisions_by_request ON bandit.decisions (tenant_id, principal_id, request_id)
    WHERE request_id IS NOT NULL;
CREATE INDEX decisions_by_policy ON bandit.decisions (tenant_id, policy_id, decision_id);
CREATE INDEX decisions_by_session ON bandit.decisions (tenant_id, session_id, decision_id)
    WHERE session_id IS NOT NULL;
CREATE INDEX decisions_open ON bandit.decisions (tenant_id, policy_id, expire_time)
    WHERE NOT is_expired;

-- What was reported, and the ends of windows. Whoever holds the tenant's partition applies them and
-- numbers them as it does: `seq` is dense in a policy.
CREATE TABLE bandit.rewards (
    tenant_id uuid NOT NULL,
    reward_id bigint GENERATED ALWAYS AS IDENTITY,
    decision_id uuid NOT NULL,
    -- none for the end of a window, whose value is the default at that time
    source text,
    value double precision NOT NULL,
    report_time timestamptz NOT NULL,
    -- none before it is applied
    seq bigint,
    is_learned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, reward_id)
);
CREATE INDEX rewards_by_decision ON bandit.rewards (tenant_id, decision_id, reward_id);
CREATE INDEX rewards_to_apply ON bandit.rewards (tenant_id, reward_id) WHERE seq IS NULL;
"""

# One round trip, one transaction: a batch of decisions of a policy. A request that was decided
# before is left out, and so is the second of two in the batch.
RECORD_DECISIONS_V1 = """
CREATE FUNCTION bandit.record_decisions_v1(
    p_tenant uuid, p_policy text, p_generation integer, p_window_s double precision,
    p_ids uuid[], p_principals text[], p_sessions text[], p_arms text[], p_vectors bytea[],
    p_requests text[], p_fingerprints bytea[], p_decisions bytea[], p_times timestamptz[]
)
RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true),
            set_config('lock_timeout', '2s', true);
    RETURN QUERY
        INSERT INTO bandit.decisions (
            tenant_id, decision_id, policy_id, generation, principal_id, session_id, arm_id,
            vector, request_id, fingerprint, decision, create_time, expire_time
        )
        SELECT p_tenant, d.id, p_policy, p_generation, d.principal, d.session, d.arm,
               d.vector, d.request, d.fingerprint, d.decision, d.at,
               d.at + make_interval(secs => p_window_s)
        FROM unnest(
            p_ids, p_principals, p_sessions, p_arms, p_vectors, p_requests, p_fingerprints,
            p_decisions, p_times
        ) AS d (id, principal, session, arm, vector, request, fingerprint, decision, at)
        ON CONFLICT (tenant_id, principal_id, request_id) WHERE request_id IS NOT NULL
            DO NOTHING
        RETURNING decision_id;
END $$;
"""

# What must be known of all tenants at once, which no role may read: which of them have work, and
# which versions their policies are at.
ACROSS_TENANTS = """
CREATE FUNCTION bandit.tenants_with_work_v1(p_partitions smallint[], p_now timestamptz)
RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT DISTINCT p.tenant_id
    FROM bandit.policies p
    WHERE p.partition = ANY (p_partitions) AND (
        EXISTS (
            SELECT FROM bandit.rewards r WHERE r.tenant_id = p.tenant_id AND r.seq IS NULL
        ) OR EXISTS (
            SELECT FROM bandit.decisions d
            WHERE d.tenant_id = p.tenant_id AND d.policy_id = p.policy_id
              AND d.expire_time <= p_now AND NOT d.is_expired
        )
    )
$$;

CREATE FUNCTION bandit.policy_versions_v1(p_tenants uuid[])
RETURNS TABLE (tenant_id uuid, policy_id text, version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT p.tenant_id, p.policy_id, p.version
    FROM bandit.policies p
    WHERE p.tenant_id = ANY (p_tenants)
$$;

REVOKE ALL ON FUNCTION bandit.tenants_with_work_v1, bandit.policy_versions_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bandit.tenants_with_work_v1, bandit.policy_versions_v1
    TO maitred_bandit;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(consumer_tables("bandit"))
    for table in ("policies", "arms", "decisions", "rewards"):
        op.execute(guarded(f"bandit.{table}"))
    op.execute(RECORD_DECISIONS_V1)
    op.execute(ACROSS_TENANTS)
