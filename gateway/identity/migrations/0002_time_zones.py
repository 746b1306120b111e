"""In which time zone a tenant's days are counted."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE identity.tenants ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC';

        CREATE FUNCTION identity.list_tenants_v2(after text, most integer)
            RETURNS TABLE (tenant_id uuid, slug text, display_name text,
                           requests_per_minute integer, create_time timestamptz, time_zone text)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
            AS $$
                SELECT t.tenant_id, t.slug, t.display_name, t.requests_per_minute, t.create_time,
                    t.time_zone
                FROM identity.tenants t
                WHERE t.slug COLLATE "C" > after
                ORDER BY t.slug COLLATE "C"
                LIMIT most
            $$;
        REVOKE ALL ON FUNCTION identity.list_tenants_v2 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION identity.list_tenants_v2 TO maitred_gateway;
        """
    )
