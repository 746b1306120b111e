"""Recommendations with their outcomes, counts, trust and its changes, cycles and their findings."""

from alembic import op

from services.chassis.data.idempotency import idempotency_table
from services.chassis.data.offsets import consumer_tables
from services.chassis.data.tenancy import guarded

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE learning.recommendations (
    tenant_id uuid NOT NULL,
    recommendation_id uuid NOT NULL,
    agent_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('serve', 'upsell', 'answer')),
    product_ids text[] NOT NULL,
    confidence double precision NOT NULL,
    session_id text NOT NULL,
    -- empty for none
    decision_id text NOT NULL,
    create_time timestamptz NOT NULL,
    -- the one outcome that counts; NULL while there is none
    outcome double precision CHECK (outcome BETWEEN 0 AND 1),
    outcome_source text CHECK (outcome_source IN ('session', 'order', 'rating')),
    outcome_time timestamptz,
    PRIMARY KEY (tenant_id, recommendation_id)
);
CREATE INDEX recommendations_by_agent
    ON learning.recommendations (tenant_id, agent_id, recommendation_id);
CREATE INDEX recommendations_by_decision
    ON learning.recommendations (tenant_id, decision_id) WHERE decision_id <> '';
CREATE INDEX recommendations_without_decision
    ON learning.recommendations (tenant_id, session_id) WHERE decision_id = '';

CREATE TABLE learning.tallies (
    tenant_id uuid NOT NULL,
    -- of the recommendations, UTC
    day date NOT NULL,
    agent_id text NOT NULL,
    subject text NOT NULL,
    is_confident boolean NOT NULL,
    recommendations bigint NOT NULL,
    outcomes bigint NOT NULL,
    successes bigint NOT NULL,
    -- the same as the last cycle saw them
    seen_recommendations bigint NOT NULL DEFAULT 0,
    seen_outcomes bigint NOT NULL DEFAULT 0,
    seen_successes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day, agent_id, subject, is_confident)
);

CREATE TABLE learning.trust (
    tenant_id uuid NOT NULL,
    agent_id text NOT NULL,
    -- weighted sums over outcomes, as of an instant
    as_of timestamptz NOT NULL,
    evidence double precision NOT NULL,
    value_sum double precision NOT NULL,
    square_sum double precision NOT NULL,
    timely_sum double precision NOT NULL,
    unfailed_sum double precision NOT NULL,
    boost double precision NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('active', 'disabled')),
    -- set by hand; NULL for none
    manual_state text CHECK (manual_state IN ('active', 'disabled')),
    told double precision NOT NULL,
    settled double precision NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, agent_id)
);

CREATE TABLE learning.trust_changes (
    tenant_id uuid NOT NULL,
    agent_id text NOT NULL,
    change_id uuid NOT NULL,
    overall double precision NOT NULL,
    boost double precision NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'disabled')),
    cause text NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, change_id)
);

CREATE TABLE learning.cycles (
    tenant_id uuid NOT NULL,
    cycle_id uuid NOT NULL,
    recommendations bigint NOT NULL,
    outcomes bigint NOT NULL,
    agents integer NOT NULL,
    -- conversations by agent, for the next cycle to compare with
    served jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, cycle_id)
);

CREATE TABLE learning.insights (
    tenant_id uuid NOT NULL,
    insight_id uuid NOT NULL,
    cycle_id uuid NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    -- empty for none
    agent_id text NOT NULL,
    figures jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, insight_id)
);
CREATE INDEX insights_by_cycle ON learning.insights (tenant_id, cycle_id, insight_id);

CREATE TABLE learning.patterns (
    tenant_id uuid NOT NULL,
    cycle_id uuid NOT NULL,
    -- in the cycle, the surest first
    position integer NOT NULL,
    pattern_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('consensus', 'expert', 'high_confidence')),
    subject text NOT NULL,
    agent_ids text[] NOT NULL,
    outcomes bigint NOT NULL,
    successes bigint NOT NULL,
    low double precision NOT NULL,
    PRIMARY KEY (tenant_id, cycle_id, position)
);
"""

GUARDED = (
    "recommendations",
    "tallies",
    "trust",
    "trust_changes",
    "cycles",
    "insights",
    "patterns",
)


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(idempotency_table("learning"))
    op.execute(consumer_tables("learning"))
    for table in GUARDED:
        op.execute(guarded(f"learning.{table}"))
