"""Revisions of schema `events`, of which producers see only the outbox."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(schema="events", package=__name__, role="maitred_relay")
