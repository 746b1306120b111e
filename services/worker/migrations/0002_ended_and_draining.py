"""What services may ask of jobs they deferred; workers that are about to leave."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE jobs.workers ADD COLUMN is_draining boolean NOT NULL DEFAULT false;

        -- Which of these jobs of the transaction's tenant have ended, and how; `forgotten` are
        -- those it has none of, or no more.
        CREATE FUNCTION jobs.ended_v1(p_numbers bigint[])
        RETURNS TABLE (number bigint, status text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = jobs, pg_catalog, pg_temp AS $$
            SELECT asked.number, coalesce(j.status::text, 'forgotten')
            FROM unnest(p_numbers) AS asked (number)
            LEFT JOIN procrastinate_jobs AS j ON j.id = asked.number
                AND j.args ->> 'tenant_id' = NULLIF(current_setting('maitred.tenant', true), '')
            WHERE j.id IS NULL OR j.status NOT IN ('todo', 'doing')
        $$;
        REVOKE ALL ON FUNCTION jobs.ended_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION jobs.ended_v1 TO maitred_deferrer;
        """
    )
