"""Stock, and the news that what a tenant sells has changed.

Whoever changes stock holds the rows of its products before that of its version, products in the
order of their ids: so nobody waits for anybody in a circle.
"""

from alembic import op

from services.chassis.data.offsets import consumer_tables
from services.chassis.data.tenancy import guarded

revision = "0004"
down_revision = "0003"

TABLES = """
-- A product with a row is counted, one without is not.
CREATE TABLE orders.stock (
    tenant_id uuid NOT NULL,
    product_id text NOT NULL,
    count bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (tenant_id, product_id)
) WITH (fillfactor = 50);

-- Counts how often a tenant's product ran out, came back, or began or ceased to be counted.
CREATE TABLE orders.stock_versions (
    tenant_id uuid NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
"""

# Versions are written by several statements, of two releases; each tells, as no reader asks
# the database any more. The partition is that of outbox.partition_of, the id a UUIDv7.
CATALOG_CHANGED_V1 = """
CREATE FUNCTION orders.catalog_changed_v1() RETURNS trigger
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
        convert_to(json_build_object(
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
        )::text, 'UTF8')
    );
    RETURN NULL;
END $$;
"""

TELL = """
CREATE TRIGGER tell AFTER INSERT OR UPDATE OF version ON orders.{table}
    FOR EACH ROW EXECUTE FUNCTION orders.catalog_changed_v1('{kind}');
"""

STOCK_CHANGED_V1 = """
CREATE FUNCTION orders.stock_changed_v1(p_tenant uuid) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO orders.stock_versions AS known (tenant_id, version)
    VALUES (p_tenant, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET version = known.version + 1;
$$;
"""

# Called in a transaction of the tenant. Takes all or nothing: what it returns are the products of
# which there are not enough, in the order of their ids; none means that all was taken. Products
# that are not counted always are enough; one may be named more than once.
TAKE_STOCK_V1 = """
CREATE FUNCTION orders.take_stock_v1(p_tenant uuid, p_products text[], p_quantities integer[])
RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    counted text[];
    short text[];
    ran_out boolean;
BEGIN
    SELECT array_agg(held.product_id) INTO counted
    FROM (
        SELECT s.product_id FROM orders.stock s
        WHERE s.tenant_id = p_tenant AND s.product_id = ANY (p_products)
        ORDER BY s.product_id
        FOR NO KEY UPDATE
    ) AS held;
    IF counted IS NULL THEN
        RETURN '{}';
    END IF;

    WITH asked AS (
        SELECT line.product_id, sum(line.quantity) AS quantity
        FROM unnest(p_products, p_quantities) AS line (product_id, quantity)
        GROUP BY line.product_id
    )
    SELECT array_agg(s.product_id ORDER BY s.product_id) INTO short
    FROM orders.stock s
    JOIN asked ON asked.product_id = s.product_id
    WHERE s.tenant_id = p_tenant AND s.product_id = ANY (counted) AND s.count < asked.quantity;
    IF short IS NOT NULL THEN
        RETURN short;
    END IF;

    WITH asked AS (
        SELECT line.product_id, sum(line.quantity) AS quantity
        FROM unnest(p_products, p_quantities) AS line (product_id, quantity)
        GROUP BY line.product_id
    ), taken AS (
        UPDATE orders.stock s
        SET count = s.count - asked.quantity
        FROM asked
        WHERE s.tenant_id = p_tenant AND s.product_id = asked.product_id
          AND s.product_id = ANY (counted)
        RETURNING s.count
    )
    SELECT bool_or(taken.count = 0) INTO ran_out FROM taken;
    IF ran_out THEN
        PERFORM orders.stock_changed_v1(p_tenant);
    END IF;
    RETURN '{}';
END $$;
"""

# Called in a transaction of the tenant. Puts back what was taken, as far as it is still counted.
RETURN_STOCK_V1 = """
CREATE FUNCTION orders.return_stock_v1(p_tenant uuid, p_products text[], p_quantities integer[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    came_back boolean;
BEGIN
    PERFORM FROM orders.stock s
    WHERE s.tenant_id = p_tenant AND s.product_id = ANY (p_products)
    ORDER BY s.product_id
    FOR NO KEY UPDATE;

    WITH given AS (
        SELECT line.product_id, sum(line.quantity) AS quantity
        FROM unnest(p_products, p_quantities) AS line (product_id, quantity)
        GROUP BY line.product_id
    ), returned AS (
        UPDATE orders.stock s
        SET count = s.count + given.quantity
        FROM given
        WHERE s.tenant_id = p_tenant AND s.product_id = given.product_id
        RETURNING s.count = given.quantity AS was_out
    )
    SELECT bool_or(returned.was_out) INTO came_back FROM returned;
    IF came_back THEN
        PERFORM orders.stock_changed_v1(p_tenant);
    END IF;
END $$;
"""

# What is served is a catalog and what there is of it. Each counts its changes, so the sum says
# which of the two was there first: it only grows.
READ_CATALOG_V2 = """
CREATE FUNCTION orders.read_catalog_v2(p_tenant uuid, p_known bigint)
RETURNS TABLE (
    revision bigint, version bigint, document bytea, counted text[], sold_out text[]
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maitred.tenant', p_tenant::text, true);
    RETURN QUERY
        SELECT r.revision, r.version,
               CASE WHEN r.revision <> p_known THEN r.document END,
               CASE WHEN r.revision <> p_known THEN ARRAY(
                   SELECT s.product_id FROM orders.stock s
                   WHERE s.tenant_id = p_tenant ORDER BY s.product_id
               ) END,
               CASE WHEN r.revision <> p_known THEN ARRAY(
                   SELECT s.product_id FROM orders.stock s
                   WHERE s.tenant_id = p_tenant AND s.count = 0 ORDER BY s.product_id
               ) END
        FROM (
            SELECT c.version + coalesce(v.version, 0) AS revision, c.version, c.document
            FROM orders.catalogs c
            LEFT JOIN orders.stock_versions v ON v.tenant_id = c.tenant_id
            WHERE c.tenant_id = p_tenant
        ) AS r;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("stock", "stock_versions"):
        op.execute(guarded(f"orders.{table}"))
    op.execute(CATALOG_CHANGED_V1)
    for table, kind in (
        ("catalogs", "catalog"),
        ("promotion_versions", "promotions"),
        ("stock_versions", "stock"),
    ):
        op.execute(TELL.format(table=table, kind=kind))
    op.execute(STOCK_CHANGED_V1)
    op.execute(TAKE_STOCK_V1)
    op.execute(RETURN_STOCK_V1)
    op.execute(READ_CATALOG_V2)
    op.execute(consumer_tables("orders"))
