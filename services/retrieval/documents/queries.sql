-- name: send_document
-- Makes the document of a source, or counts another revision of it; locks its row.
INSERT INTO retrieval.documents AS d (
    tenant_id, document_id, source, title, kind, media_type, size_bytes, create_time, update_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (tenant_id, source) DO UPDATE SET revision = d.revision + 1
RETURNING d.document_id, d.revision, d.create_time;

-- name: insert_ingestion
-- Keeps what was sent until it is cut up.
INSERT INTO retrieval.ingestions (
    tenant_id, ingestion_id, document_id, revision, title, kind, media_type, content,
    create_time, update_time
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9);

-- name: get_document
-- One document.
SELECT document_id, title, kind, source, media_type, chunks, size_bytes, create_time, update_time
FROM retrieval.documents
WHERE tenant_id = $1 AND document_id = $2;

-- name: list_documents
-- Documents by title after a position; NULL from the first.
SELECT document_id, title, kind, source, media_type, chunks, size_bytes, create_time, update_time
FROM retrieval.documents
WHERE tenant_id = $1 AND ($2::text IS NULL OR (title, document_id) > ($2, $3::uuid))
ORDER BY title, document_id
LIMIT $4;

-- name: get_ingestion
-- One ingestion.
SELECT ingestion_id, document_id, state, chunks_done, chunks_total, problem, generation
FROM retrieval.ingestions
WHERE tenant_id = $1 AND ingestion_id = $2;

-- name: claim_ingestion
-- The ingestion that has waited longest anywhere, with a new epoch; none where nothing waits.
SELECT tenant_id, ingestion_id, epoch
FROM retrieval.claim_ingestion_v1($1, $2);

-- name: renew_ingestion
-- Holds an ingestion for another term, if the epoch is still ours.
UPDATE retrieval.ingestions
SET expire_time = clock_timestamp() + make_interval(secs => $4)
WHERE tenant_id = $1 AND ingestion_id = $2 AND epoch = $3 AND state = 'running'
RETURNING ingestion_id;

-- name: release_ingestion
-- Gives an ingestion back at once, if the epoch is still ours.
UPDATE retrieval.ingestions
SET expire_time = '-infinity'
WHERE tenant_id = $1 AND ingestion_id = $2 AND epoch = $3 AND state = 'running';

-- name: read_draft
-- What was sent, for whoever holds the ingestion.
SELECT i.document_id, i.revision, i.title, i.kind, i.media_type, i.content, d.source
FROM retrieval.ingestions i
JOIN retrieval.documents d ON d.tenant_id = i.tenant_id AND d.document_id = i.document_id
WHERE i.tenant_id = $1 AND i.ingestion_id = $2 AND i.epoch = $3 AND i.state = 'running';

-- name: tell_progress
-- How far an ingestion is, if the epoch is still ours.
UPDATE retrieval.ingestions
SET chunks_done = $4, chunks_total = $5
WHERE tenant_id = $1 AND ingestion_id = $2 AND epoch = $3 AND state = 'running';

-- name: lock_document
-- Locks a document's row; none where it was deleted meanwhile.
SELECT indexed_revision
FROM retrieval.documents
WHERE tenant_id = $1 AND document_id = $2
FOR UPDATE;

-- name: end_ingestion
-- Ends an ingestion, if the epoch is still ours, and forgets what was sent.
UPDATE retrieval.ingestions
SET state = $4, problem = $5, chunks_done = $6, chunks_total = $6, generation = $7, content = '',
    update_time = $8
WHERE tenant_id = $1 AND ingestion_id = $2 AND epoch = $3 AND state = 'running'
RETURNING ingestion_id;

-- name: describe_document
-- Puts a revision of a document in the place of the one before.
UPDATE retrieval.documents
SET title = $3, kind = $4, media_type = $5, size_bytes = $6, chunks = $7, indexed_revision = $8,
    update_time = $9
WHERE tenant_id = $1 AND document_id = $2;

-- name: delete_passages
-- Removes a document's passages.
DELETE FROM retrieval.passages
WHERE tenant_id = $1 AND document_id = $2;

-- name: delete_chunks
-- Removes a document's chunks.
DELETE FROM retrieval.chunks
WHERE tenant_id = $1 AND document_id = $2;

-- name: delete_ingestions
-- Removes a document's ingestions and what was sent with them.
DELETE FROM retrieval.ingestions
WHERE tenant_id = $1 AND document_id = $2;

-- name: delete_document
-- Removes a document's description; whether there was one.
DELETE FROM retrieval.documents
WHERE tenant_id = $1 AND document_id = $2
RETURNING document_id;

-- name: insert_passage
-- One passage.
INSERT INTO retrieval.passages (tenant_id, document_id, position, headings, content)
VALUES ($1, $2, $3, $4, $5);

-- name: insert_chunks
-- The chunks of a document.
INSERT INTO retrieval.chunks (
    tenant_id, document_id, passage, position, chunk_id, start_offset, end_offset, embedding
)
SELECT $1, $2, c.passage, c.position, c.chunk_id, c.start_offset, c.end_offset, c.embedding
FROM unnest($3::integer[], $4::integer[], $5::uuid[], $6::integer[], $7::integer[], $8::bytea[])
    AS c (passage, position, chunk_id, start_offset, end_offset, embedding);

-- name: next_generation
-- Counts a change of the tenant's index; whoever holds this row commits next.
INSERT INTO retrieval.generations AS g (tenant_id, generation)
VALUES ($1, 1)
ON CONFLICT (tenant_id) DO UPDATE SET generation = g.generation + 1
RETURNING g.generation;

-- name: current_generation
-- The tenant's generation; none before the first.
SELECT generation
FROM retrieval.generations
WHERE tenant_id = $1;

-- name: insert_change
-- Says which document a generation came of.
INSERT INTO retrieval.changes (tenant_id, generation, document_id, create_time)
VALUES ($1, $2, $3, $4);

-- name: delete_old_ingestions
-- A batch of a tenant's ingestions that ended a day ago.
DELETE FROM retrieval.ingestions
WHERE tenant_id = $1 AND ingestion_id IN (
    SELECT ingestion_id
    FROM retrieval.ingestions
    WHERE tenant_id = $1 AND state <> 'running'
        AND update_time <= $2::timestamptz - interval '1 day'
    LIMIT $3
);

-- name: delete_old_changes
-- A batch of a tenant's changes of a day ago; a replica behind them reads its index anew.
DELETE FROM retrieval.changes
WHERE tenant_id = $1 AND generation IN (
    SELECT generation
    FROM retrieval.changes
    WHERE tenant_id = $1 AND create_time <= $2::timestamptz - interval '1 day'
    ORDER BY generation
    LIMIT $3
);
