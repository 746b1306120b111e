"""To whom something was recommended, so that nobody else's order speaks of it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE learning.recommendations
            -- NULL where it was taken in by a release that did not keep it
            ADD COLUMN principal_id text;
        """
    )
