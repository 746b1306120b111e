"""Dead letters are kept with everybody's, in schema `events`."""

from alembic import op

from services.chassis.data.letters import letters_moved_out

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(letters_moved_out("learning"))
