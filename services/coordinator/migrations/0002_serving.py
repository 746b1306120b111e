"""Who serves a conversation and by which decision, what answers rest on, what agents suggest."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = """
ALTER TABLE coordinator.sessions
    ADD COLUMN decision_id text NOT NULL DEFAULT '',
    ADD COLUMN agent_id text NOT NULL DEFAULT '';
CREATE INDEX sessions_by_principal
    ON coordinator.sessions (tenant_id, principal_id, session_id);

ALTER TABLE coordinator.turns
    ADD COLUMN decision_id text NOT NULL DEFAULT '',
    ADD COLUMN agent_id text NOT NULL DEFAULT '',
    ADD COLUMN citations jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN recommendation_ids text[] NOT NULL DEFAULT '{}';
"""

TABLES = """
CREATE TABLE coordinator.agents (
    tenant_id uuid NOT NULL,
    agent_id text NOT NULL,
    suggested_product_ids text[] NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, agent_id)
);
ALTER TABLE coordinator.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE coordinator.agents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON coordinator.agents
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(TABLES)
