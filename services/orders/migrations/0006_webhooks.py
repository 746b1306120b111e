"""Endpoints of webhooks and what was delivered to them."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pass
