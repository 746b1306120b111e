"""In which time zone a tenant lives, and for which of its days a cycle was planned."""

from alembic import op

from services.chassis.data.tenancy import guarded

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE learning.tenants (
            tenant_id uuid PRIMARY KEY,
            time_zone text NOT NULL DEFAULT 'UTC',
            -- the last day, there, whose cycle was planned; NULL before the first
            cycle_date date
        );

        -- Whoever plans has no tenant yet: the one question across tenants.
        CREATE FUNCTION learning.list_tenants_v1(after uuid, most integer)
            RETURNS TABLE (tenant_id uuid, time_zone text, cycle_date date)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
            AS $$
                SELECT known.tenant_id, coalesce(t.time_zone, 'UTC'), t.cycle_date
                FROM (
                    SELECT DISTINCT trust.tenant_id
                    FROM learning.trust
                    WHERE after IS NULL OR trust.tenant_id > after
                    ORDER BY trust.tenant_id
                    LIMIT most
                ) AS known
                LEFT JOIN learning.tenants t ON t.tenant_id = known.tenant_id
                ORDER BY known.tenant_id
            $$;
        REVOKE ALL ON FUNCTION learning.list_tenants_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION learning.list_tenants_v1 TO maitred_learning;
        """
    )
    op.execute(guarded("learning.tenants"))
