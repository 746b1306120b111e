"""Ratings, and which conversations were abandoned."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE coordinator.feedback (
    tenant_id uuid NOT NULL,
    feedback_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    session_id uuid NOT NULL,
    principal_id text NOT NULL,
    decision_id text NOT NULL,
    agent_id text NOT NULL,
    rating smallint NOT NULL,
    comment text NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, feedback_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES coordinator.sessions
);
CREATE INDEX feedback_by_session
    ON coordinator.feedback (tenant_id, session_id, decision_id, seq DESC);
ALTER TABLE coordinator.feedback ENABLE ROW LEVEL SECURITY;
ALTER TABLE coordinator.feedback FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON coordinator.feedback
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));

ALTER TABLE coordinator.sessions ADD COLUMN abandon_time timestamptz;
CREATE INDEX sessions_to_abandon ON coordinator.sessions (tenant_id, update_time)
    WHERE abandon_time IS NULL AND cart -> 'lines' <> '[]';
"""


def upgrade() -> None:
    op.execute(TABLES)
