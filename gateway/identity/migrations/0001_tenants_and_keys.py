"""Tenants and their API keys."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE identity.tenants (
            tenant_id uuid PRIMARY KEY,
            slug text NOT NULL UNIQUE,
            display_name text NOT NULL,
            requests_per_minute integer NOT NULL DEFAULT 0,
            create_time timestamptz NOT NULL
        );

        CREATE TABLE identity.api_keys (
            tenant_id uuid NOT NULL REFERENCES identity.tenants,
            api_key_id uuid NOT NULL,
            digest bytea NOT NULL,
            display_name text NOT NULL,
            roles text[] NOT NULL,
            requests_per_minute integer NOT NULL DEFAULT 0,
            create_time timestamptz NOT NULL,
            expire_time timestamptz,
            last_used_time timestamptz,
            revoke_time timestamptz,
            PRIMARY KEY (tenant_id, api_key_id)
        );

        ALTER TABLE identity.tenants ENABLE ROW LEVEL SECURITY;
        ALTER TABLE identity.tenants FORCE ROW LEVEL SECURITY;
        ALTER TABLE identity.api_keys ENABLE ROW LEVEL SECURITY;
        ALTER TABLE identity.api_keys FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON identity.tenants
            USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));
        CREATE POLICY tenant ON identity.api_keys
            USING (tenant_id = (SELECT NULLIF(current_setting('maitred.tenant', true), '')::uuid));

        -- Who comes with a slug has no tenant yet, and an administrator lists them all: the two
        -- questions across tenants, and there is no other way to ask them.
        CREATE FUNCTION identity.find_tenant_v1(wanted text) RETURNS uuid
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
            AS $$ SELECT tenant_id FROM identity.tenants WHERE slug = wanted $$;
        CREATE FUNCTION identity.list_tenants_v1(after text, most integer)
            RETURNS TABLE (tenant_id uuid, slug text, display_name text,
                           requests_per_minute integer, create_time timestamptz)
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
            AS $$
                SELECT t.tenant_id, t.slug, t.display_name, t.requests_per_minute, t.create_time
                FROM identity.tenants t
                WHERE t.slug COLLATE "C" > after
                ORDER BY t.slug COLLATE "C"
                LIMIT most
            $$;
        REVOKE ALL ON FUNCTION identity.find_tenant_v1, identity.list_tenants_v1 FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION identity.find_tenant_v1, identity.list_tenants_v1
            TO maitred_gateway;
        """
    )
