"""Dead letters of all consumers in one table; moves that lock what they move, months that wait."""

from alembic import op

from services.chassis.data.tenancy import guarded

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        GRANT USAGE ON SCHEMA events TO maitred_consumer;

        CREATE TABLE events.dead_letters (
            tenant_id uuid NOT NULL,
            -- the order in which they were set aside, and so in which they are retried
            number bigint GENERATED ALWAYS AS IDENTITY,
            dead_letter_id uuid NOT NULL,
            consumer text NOT NULL,
            partition smallint NOT NULL CHECK (partition BETWEEN 0 AND 15),
            seq bigint NOT NULL,
            event_id text NOT NULL,
            type text NOT NULL,
            aggregate_id text NOT NULL,
            principal_id text NOT NULL,
            payload bytea NOT NULL,
            error text NOT NULL,
            -- 0 for those that only follow one that failed
            attempts integer NOT NULL,
            -- how often somebody asked for an attempt
            interventions integer NOT NULL DEFAULT 0,
            create_time timestamptz NOT NULL,
            attempt_time timestamptz,
            next_attempt_at timestamptz NOT NULL,
            status text NOT NULL DEFAULT 'waiting'
                CHECK (status = ANY (ARRAY['waiting', 'resolved', 'discarded'])),
            settle_time timestamptz,
            settled_by text NOT NULL DEFAULT '',
            settle_reason text NOT NULL DEFAULT '',
            PRIMARY KEY (tenant_id, number),
            UNIQUE (tenant_id, dead_letter_id),
            CHECK ((status = 'waiting') = (settle_time IS NULL))
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX dead_letters_waiting
            ON events.dead_letters (tenant_id, consumer, aggregate_id, number)
            INCLUDE (partition, next_attempt_at)
            WHERE status = 'waiting';
        CREATE INDEX dead_letters_settled ON events.dead_letters (tenant_id, settle_time)
            WHERE status <> 'waiting';
        GRANT SELECT, INSERT, UPDATE ON events.dead_letters TO maitred_consumer;

        -- What has to look past tenants does so by these alone, and says no more than it must.

        -- Which aggregates of a consumer have a first letter that is due; the oldest first.
        CREATE FUNCTION events.due_letters_v1(
            p_consumer text, p_partitions smallint[], p_now timestamptz, p_most integer
        )
        RETURNS TABLE (tenant_id uuid, partition smallint, aggregate_id text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
            SELECT first.tenant_id, first.partition, first.aggregate_id
            FROM (
                SELECT DISTINCT ON (l.tenant_id, l.aggregate_id)
                    l.tenant_id, l.aggregate_id, l.partition, l.next_attempt_at
                FROM events.dead_letters AS l
                WHERE l.status = 'waiting' AND l.consumer = p_consumer
                ORDER BY l.tenant_id, l.aggregate_id, l.number
            ) AS first
            WHERE first.next_attempt_at <= p_now AND first.partition = ANY (p_partitions)
            ORDER BY first.next_attempt_at
            LIMIT p_most
        $$;
        REVOKE ALL ON FUNCTION events.due_letters_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION events.due_letters_v1 TO maitred_consumer;

        CREATE FUNCTION events.count_letters_v1()
        RETURNS TABLE (consumer text, status text, letters bigint)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
            SELECT l.consumer, l.status, count(*) FROM events.dead_letters AS l GROUP BY 1, 2
        $$;

        -- Deletes up to `p_most` letters that were settled before a time; how many.
        CREATE FUNCTION events.delete_settled_letters_v1(p_before timestamptz, p_most integer)
        RETURNS bigint
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
            WITH deleted AS (
                DELETE FROM events.dead_letters AS l
                USING (
                    SELECT s.tenant_id, s.number FROM events.dead_letters AS s
                    WHERE s.status <> 'waiting' AND s.settle_time < p_before
                    LIMIT p_most
                ) AS old
                WHERE l.tenant_id = old.tenant_id AND l.number = old.number
                RETURNING 1
            )
            SELECT count(*) FROM deleted
        $$;
        REVOKE ALL ON FUNCTION events.count_letters_v1, events.delete_settled_letters_v1
            FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION events.count_letters_v1, events.delete_settled_letters_v1
            TO maitred_relay;

        -- As before, but only the partitions that have something to move are locked: there is
        -- mostly one, and every lock is written to the WAL.
        CREATE OR REPLACE FUNCTION events.move_v1(
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
                WHERE EXISTS (SELECT FROM events.outbox AS o WHERE o.partition = p.partition)
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

        -- Both lock the whole log. Behind a backup, which reads it for hours, they would stop every
        -- move: rather try again in a minute.
        ALTER FUNCTION events.keep_log_month SET lock_timeout = '2s';
        ALTER FUNCTION events.drop_log_months_before SET lock_timeout = '2s';
        """
    )
    op.execute(guarded("events.dead_letters"))
