"""Refunds, payments, notes, signed quotes, and placing with stock and limits."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
