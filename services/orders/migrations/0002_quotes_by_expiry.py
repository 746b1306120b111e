"""Finds the quotes that expired without being ordered."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX quotes_by_expiry ON orders.quotes (tenant_id, expire_time)")
