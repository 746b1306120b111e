"""Outbox, log in monthly partitions, and who holds each partition's lease."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        GRANT USAGE ON SCHEMA events TO maitred_producer;

        CREATE TABLE events.outbox (
            id bigint GENERATED ALWAYS AS IDENTITY,
            partition smallint NOT NULL CHECK (partition BETWEEN 0 AND 15),
            event_id uuid NOT NULL,
            tenant_id uuid NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            principal_id text NOT NULL,
            payload bytea NOT NULL,
            create_time timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (partition, id)
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
        GRANT INSERT ON events.outbox TO maitred_producer;

        -- `seq` is dense in its partition; the lease's epoch and the head's row lock see to it,
        -- because a unique index cannot span the months.
        CREATE TABLE events.log (
            partition smallint NOT NULL,
            seq bigint NOT NULL,
            event_id uuid NOT NULL,
            tenant_id uuid NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            principal_id text NOT NULL,
            payload bytea NOT NULL,
            create_time timestamptz NOT NULL,
            log_time timestamptz NOT NULL,
            PRIMARY KEY (partition, seq, log_time)
        ) PARTITION BY RANGE (log_time);
        CREATE INDEX log_by_time ON events.log (partition, log_time);

        CREATE TABLE events.partitions (
            partition smallint PRIMARY KEY,
            head_seq bigint NOT NULL DEFAULT 0,
            holder text NOT NULL DEFAULT '',
            epoch bigint NOT NULL DEFAULT 0,
            expire_time timestamptz NOT NULL DEFAULT '-infinity'
        ) WITH (fillfactor = 50);
        INSERT INTO events.partitions (partition) SELECT generate_series(0, 15);

        -- Moves visible outbox rows of partitions whose epoch is the caller's to the log, in the
        -- order of their ids, numbering them densely. A partition somebody else took meanwhile is
        -- left out. The outbox is mostly rows already gone, which statistics never tell: only the
        -- index finds the others at a cost that does not grow with them.
        CREATE FUNCTION events.move_v1(
            p_partitions smallint[], p_epochs bigint[], p_most integer
        )
        RETURNS TABLE (
            partition smallint, seq bigint, tenant_id uuid, type text, principal_id text,
            payload bytea
        )
        LANGUAGE sql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
            WITH held AS (
                SELECT p.partition, p.head_seq
                FROM events.partitions AS p
                JOIN unnest(p_partitions, p_epochs) AS h (partition, epoch)
                    ON p.partition = h.partition AND p.epoch = h.epoch
                ORDER BY p.partition
                FOR UPDATE OF p
            ), taken AS (
                DELETE FROM events.outbox
                WHERE ctid = ANY (ARRAY(
                    SELECT waiting.ctid
                    FROM held
                    CROSS JOIN LATERAL (
                        SELECT o.ctid
                        FROM events.outbox AS o
                        WHERE o.partition = held.partition
                        ORDER BY o.id
                        LIMIT p_most
                    ) AS waiting
                ))
                RETURNING id, partition, event_id, tenant_id, type, aggregate_id, principal_id,
                    payload, create_time
            ), numbered AS (
                SELECT t.partition,
                    held.head_seq + row_number() OVER (PARTITION BY t.partition ORDER BY t.id)
                        AS seq,
                    t.event_id, t.tenant_id, t.type, t.aggregate_id, t.principal_id, t.payload,
                    t.create_time
                FROM taken AS t
                JOIN held ON held.partition = t.partition
            ), logged AS (
                INSERT INTO events.log
                    (partition, seq, event_id, tenant_id, type, aggregate_id, principal_id,
                     payload, create_time, log_time)
                SELECT partition, seq, event_id, tenant_id, type, aggregate_id, principal_id,
                    payload, create_time, now()
                FROM numbered
            ), advanced AS (
                UPDATE events.partitions AS p
                SET head_seq = n.last_seq
                FROM (
                    SELECT partition, max(seq) AS last_seq FROM numbered GROUP BY partition
                ) AS n
                WHERE p.partition = n.partition
            )
            SELECT partition, seq, tenant_id, type, principal_id, payload
            FROM numbered
            ORDER BY partition, seq
        $$;
        REVOKE ALL ON FUNCTION events.move_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION events.move_v1 TO maitred_relay;

        -- The log's months come and go by these two alone: the relay's role owns no table.
        CREATE FUNCTION events.keep_log_month(moment timestamptz) RETURNS void
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
        DECLARE
            first timestamptz := date_trunc('month', moment, 'UTC');
            name text := 'log_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
        BEGIN
            IF to_regclass('events.' || name) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE IF NOT EXISTS events.%I PARTITION OF events.log'
                    ' FOR VALUES FROM (%L) TO (%L)',
                    name, first,
                    ((first AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
            END IF;
        END $$;

        CREATE FUNCTION events.drop_log_months_before(moment timestamptz) RETURNS integer
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
        DECLARE
            last text := 'log_' || to_char(
                date_trunc('month', moment, 'UTC') AT TIME ZONE 'UTC', 'YYYY_MM');
            child text;
            dropped integer := 0;
        BEGIN
            FOR child IN
                SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'events.log'::regclass AND c.relname < last
            LOOP
                EXECUTE format('DROP TABLE events.%I', child);
                dropped := dropped + 1;
            END LOOP;
            RETURN dropped;
        END $$;
        REVOKE ALL ON FUNCTION events.keep_log_month, events.drop_log_months_before FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION events.keep_log_month, events.drop_log_months_before
            TO maitred_relay;
        SELECT events.keep_log_month(now());
        SELECT events.keep_log_month(now() + interval '1 month');

        ALTER TABLE events.outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        ALTER TABLE events.log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY producer ON events.outbox FOR INSERT TO maitred_producer
            WITH CHECK (
                tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
        CREATE POLICY relay ON events.outbox TO maitred_relay USING (true) WITH CHECK (true);
        CREATE POLICY relay ON events.log TO maitred_relay USING (true) WITH CHECK (true);
        """
    )
