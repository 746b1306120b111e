"""Sessions with their lease, turns, tool calls, idempotency keys."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE coordinator.sessions (
    tenant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    principal_id text NOT NULL,
    cart jsonb NOT NULL,
    dialogue jsonb NOT NULL,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_expire_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);

CREATE TABLE coordinator.turns (
    tenant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    ordinal bigint NOT NULL,
    turn_id uuid NOT NULL,
    principal_id text NOT NULL,
    request_id text NOT NULL,
    user_text text NOT NULL,
    state smallint NOT NULL,
    answer text NOT NULL DEFAULT '',
    cart jsonb NOT NULL,
    placed_order jsonb,
    usage jsonb NOT NULL DEFAULT '{}',
    read_back text NOT NULL DEFAULT '',
    checkpoint jsonb,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id, ordinal),
    UNIQUE (tenant_id, session_id, request_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES coordinator.sessions
);
CREATE INDEX turns_unsettled ON coordinator.turns (tenant_id, session_id)
    WHERE state = 1 OR checkpoint IS NOT NULL;

CREATE TABLE coordinator.tool_calls (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    node_id text NOT NULL,
    ordinal integer NOT NULL,
    session_id uuid NOT NULL,
    principal_id text NOT NULL,
    tool_call_id text NOT NULL,
    tool text NOT NULL,
    arguments text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    ok boolean,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, run_id, node_id, ordinal),
    FOREIGN KEY (tenant_id, session_id) REFERENCES coordinator.sessions
);
CREATE INDEX tool_calls_by_session ON coordinator.tool_calls (tenant_id, session_id);

CREATE TABLE coordinator.idempotency_keys (
    tenant_id uuid NOT NULL,
    principal_id text NOT NULL,
    rpc text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal_id, rpc, key)
);
CREATE INDEX idempotency_keys_by_expiry ON coordinator.idempotency_keys (tenant_id, expire_time);
"""

GUARD = """
ALTER TABLE coordinator.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE coordinator.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON coordinator.{table}
    USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("sessions", "turns", "tool_calls", "idempotency_keys"):
        op.execute(GUARD.format(table=table))
