"""News of catalogs are written as all other events are, without blanks."""

from alembic import op

revision = "0011"
down_revision = "0010"

CATALOG_CHANGED_V1 = """
CREATE OR REPLACE FUNCTION orders.catalog_changed_v1() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    told_at timestamptz := clock_timestamp();
    told uuid := encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(
                    int8send(floor(extract(epoch FROM told_at) * 1000)::bigint) FROM 3
                )
                FROM 1 FOR 6
            ), 52, 1), 53, 1), 'hex')::uuid;
BEGIN
    INSERT INTO events.outbox (
        partition, event_id, tenant_id, type, aggregate_id, principal_id, payload
    )
    VALUES (
        get_byte(sha256(uuid_send(NEW.tenant_id)), 0) % 16, told, NEW.tenant_id,
        'maitred.catalog.v1', 'catalog', '',
        -- Stripping, of which there is nothing, also leaves out the blanks.
        convert_to(json_strip_nulls(json_build_object(
            'specversion', '1.0',
            'id', 'evt_' || replace(told::text, '-', ''),
            'source', '/maitred/orders',
            'type', 'maitred.catalog.v1',
            'subject', 'catalog',
            'time', to_char(told_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'datacontenttype', 'application/json',
            'data', json_build_object(
                'tenant_id', NEW.tenant_id, 'version', NEW.version::text, 'kind', TG_ARGV[0]
            )
        ))::text, 'UTF8')
    );
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(CATALOG_CHANGED_V1)
