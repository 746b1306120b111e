"""Which job carries a transfer out, so that one which lost it comes to an end."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        -- in schema jobs; NULL for those asked for before this was kept
        ALTER TABLE orders.catalog_transfers ADD COLUMN job_id bigint;
        CREATE INDEX catalog_transfers_unended ON orders.catalog_transfers (tenant_id, job_id)
            WHERE end_time IS NULL;
        """
    )
