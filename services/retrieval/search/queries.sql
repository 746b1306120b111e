-- name: read_generation
-- The tenant's generation; 0 before the first.
SELECT retrieval.read_generation_v1($1);

-- name: begin_snapshot
-- What follows sees one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: current_generation
-- The tenant's generation; none before the first.
SELECT generation
FROM retrieval.generations
WHERE tenant_id = $1;

-- name: changes_since
-- What each generation after one came of.
SELECT generation, document_id
FROM retrieval.changes
WHERE tenant_id = $1 AND generation > $2;

-- name: passages_of
-- Passages with their chunks, by document and position; of all documents where $2 is NULL.
SELECT d.document_id, d.title, d.source, d.kind, p.headings, p.content,
    array_agg(c.chunk_id ORDER BY c.position) AS chunk_ids,
    array_agg(c.start_offset ORDER BY c.position) AS starts,
    array_agg(c.end_offset ORDER BY c.position) AS ends,
    string_agg(c.embedding, ''::bytea ORDER BY c.position) AS embeddings
FROM retrieval.documents d
JOIN retrieval.passages p ON p.tenant_id = d.tenant_id AND p.document_id = d.document_id
JOIN retrieval.chunks c
    ON c.tenant_id = p.tenant_id AND c.document_id = p.document_id AND c.passage = p.position
WHERE d.tenant_id = $1 AND ($2::uuid[] IS NULL OR d.document_id = ANY ($2))
GROUP BY d.document_id, d.title, d.source, d.kind, p.position, p.headings, p.content
ORDER BY d.document_id, p.position;
