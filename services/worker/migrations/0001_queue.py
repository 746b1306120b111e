"""Procrastinate's tables, who works on them, how far jobs are, and how others defer one."""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    procrastinate = files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8")
    # Its statements name no schema.
    op.execute("SET LOCAL search_path = jobs, pg_catalog")
    op.get_bind().exec_driver_sql(procrastinate.replace("%", "%%"))
    op.execute(
        """
        -- The functions work whatever the caller's search_path is.
        DO $$
        DECLARE
            one regprocedure;
        BEGIN
            FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = 'jobs'::regnamespace LOOP
                EXECUTE format(
                    'ALTER FUNCTION %s SET search_path = jobs, pg_catalog, pg_temp', one);
                EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one);
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO maitred_worker', one);
            END LOOP;
        END $$;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO maitred_worker;

        -- Jobs have no tenant_id and no policy: the worker serves all tenants, it alone reads
        -- them, and a job's arguments name its tenant. Other roles only have the function
        -- below.
        CREATE INDEX jobs_by_tenant
            ON jobs.procrastinate_jobs ((args ->> 'tenant_id'), id);
        CREATE INDEX jobs_by_status ON jobs.procrastinate_jobs (status, id);

        CREATE TABLE jobs.workers (
            worker_id bigint PRIMARY KEY
                REFERENCES jobs.procrastinate_workers (id) ON DELETE CASCADE,
            name text NOT NULL,
            queues text[] NOT NULL,
            concurrency integer NOT NULL,
            start_time timestamptz NOT NULL DEFAULT now()
        );

        CREATE TABLE jobs.progress (
            job_id bigint PRIMARY KEY REFERENCES jobs.procrastinate_jobs (id) ON DELETE CASCADE,
            done bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
            total bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
            note text NOT NULL DEFAULT '',
            error text NOT NULL DEFAULT '',
            update_time timestamptz NOT NULL DEFAULT now()
        ) WITH (fillfactor = 50);

        -- What workers last said they were configured with.
        CREATE TABLE jobs.schedules (
            task text NOT NULL,
            cron text NOT NULL,
            queue text NOT NULL,
            PRIMARY KEY (task, cron)
        );

        -- Defers a job in the caller's transaction. NULL if one with the queueing lock waits.
        CREATE FUNCTION jobs.defer_v1(
            p_queue text, p_task text, p_args jsonb, p_lock text, p_queueing_lock text,
            p_scheduled_at timestamptz, p_priority integer
        ) RETURNS bigint
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = jobs, pg_catalog, pg_temp AS $$
        DECLARE
            tenant text := NULLIF(current_setting('maitred.tenant', true), '');
            number bigint;
        BEGIN
            IF tenant IS NOT NULL AND p_args ->> 'tenant_id' IS DISTINCT FROM tenant THEN
                RAISE insufficient_privilege
                    USING MESSAGE = 'a transaction of one tenant defers no job of another';
            END IF;
            INSERT INTO procrastinate_jobs
                (queue_name, task_name, args, lock, queueing_lock, scheduled_at, priority)
            VALUES (p_queue, p_task, p_args, p_lock, p_queueing_lock, p_scheduled_at, p_priority)
            ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
            RETURNING id INTO number;
            RETURN number;
        END $$;

        REVOKE ALL ON FUNCTION jobs.defer_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION jobs.defer_v1 TO maitred_worker, maitred_deferrer;
        GRANT USAGE ON SCHEMA jobs TO maitred_deferrer;
        """
    )
