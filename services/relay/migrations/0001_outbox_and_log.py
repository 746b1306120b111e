"""Outbox, log in monthly partitions, and who holds each partition's lease."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        GRANT USAGE ON SCHEMA events TO maitred_producer;

        CREATE TABLE events.outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            partition smallint NOT NULL CHECK (partition BETWEEN 0 AND 15),
            event_id uuid NOT NULL,
            tenant_id uuid NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            principal_id text NOT NULL,
            payload bytea NOT NULL,
            create_time timestamptz NOT NULL DEFAULT now()
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
        CREATE INDEX outbox_by_partition ON events.outbox (partition, id);
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
