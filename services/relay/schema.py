"""What the relay keeps: schema `events`, of which producers see only the outbox."""

from services.chassis.data.migrate import SchemaMigrations


def migrations(password: str = "") -> SchemaMigrations:
    """The schema's revisions and the relay's role."""
    return SchemaMigrations("events", "services.relay.migrations", "maitred_relay", password)
