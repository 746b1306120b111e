"""Documents, ingestions with a lease each, passages and chunks, generations and what changed."""

from alembic import op

from services.chassis.data.idempotency import idempotency_table
from services.chassis.data.tenancy import guarded

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE retrieval.documents (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    source text NOT NULL,
    title text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('other', 'menu', 'policy', 'faq')),
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    chunks integer NOT NULL DEFAULT 0,
    -- counts what was sent; `indexed_revision` is the one that can be found, 0 for none
    revision bigint NOT NULL DEFAULT 1,
    indexed_revision bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, document_id),
    UNIQUE (tenant_id, source)
);
CREATE INDEX documents_by_title ON retrieval.documents (tenant_id, title, document_id);

CREATE TABLE retrieval.ingestions (
    tenant_id uuid NOT NULL,
    ingestion_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision bigint NOT NULL,
    title text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('other', 'menu', 'policy', 'faq')),
    media_type text NOT NULL,
    -- as sent; empty once it is cut up
    content text NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'failed')),
    chunks_done integer NOT NULL DEFAULT 0,
    chunks_total integer NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT '',
    generation bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    expire_time timestamptz NOT NULL DEFAULT '-infinity',
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, ingestion_id)
);
CREATE INDEX ingestions_by_document ON retrieval.ingestions (tenant_id, document_id);
CREATE INDEX ingestions_by_end ON retrieval.ingestions (tenant_id, update_time)
    WHERE state <> 'running';
CREATE INDEX ingestions_waiting ON retrieval.ingestions (tenant_id, create_time)
    WHERE state = 'running';

CREATE TABLE retrieval.passages (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    position integer NOT NULL,
    headings text[] NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (tenant_id, document_id, position)
);

CREATE TABLE retrieval.chunks (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    passage integer NOT NULL,
    position integer NOT NULL,
    chunk_id uuid NOT NULL,
    -- characters of the passage's content
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    -- little-endian float16, of length 1
    embedding bytea NOT NULL,
    PRIMARY KEY (tenant_id, document_id, passage, position)
);

CREATE TABLE retrieval.generations (
    tenant_id uuid NOT NULL,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE retrieval.changes (
    tenant_id uuid NOT NULL,
    generation bigint NOT NULL,
    document_id uuid NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, generation)
);
CREATE INDEX changes_by_time ON retrieval.changes (tenant_id, create_time);
"""

# Work waits in every tenant, and whoever died may have been the only one to know of it. So this
# looks past the policies, and gives away nothing but ids.
CLAIM_INGESTION_V1 = """
CREATE FUNCTION retrieval.claim_ingestion_v1(p_term_s double precision, p_attempts integer)
RETURNS TABLE (tenant_id uuid, ingestion_id uuid, epoch bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE retrieval.ingestions AS i
    SET state = 'failed', content = '', update_time = clock_timestamp(),
        problem = format('Given up after %s attempts.', p_attempts)
    WHERE i.state = 'running' AND i.epoch >= p_attempts AND i.expire_time < clock_timestamp();

    RETURN QUERY
        UPDATE retrieval.ingestions AS i
        SET epoch = i.epoch + 1,
            expire_time = clock_timestamp() + make_interval(secs => p_term_s)
        FROM (
            SELECT w.tenant_id, w.ingestion_id
            FROM retrieval.ingestions AS w
            WHERE w.state = 'running' AND w.expire_time < clock_timestamp()
            ORDER BY w.create_time, w.ingestion_id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS free
        WHERE i.tenant_id = free.tenant_id AND i.ingestion_id = free.ingestion_id
        RETURNING i.tenant_id, i.ingestion_id, i.epoch;
END $$;
REVOKE ALL ON FUNCTION retrieval.claim_ingestion_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retrieval.claim_ingestion_v1 TO maitred_retrieval;
"""

# A statement that sets its tenant itself needs no transaction around it: one round trip.
READ_GENERATION_V1 = """
CREATE FUNCTION retrieval.read_generation_v1(p_tenant uuid)
RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN coalesce(
        (SELECT g.generation FROM retrieval.generations AS g WHERE g.tenant_id = p_tenant), 0
    );
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(idempotency_table("retrieval"))
    for table in (
        "documents",
        "ingestions",
        "passages",
        "chunks",
        "generations",
        "changes",
    ):
        op.execute(guarded(f"retrieval.{table}"))
    op.execute(CLAIM_INGESTION_V1)
    op.execute(READ_GENERATION_V1)
