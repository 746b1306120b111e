"""Revisions of schema `coordinator`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="coordinator",
    package="services.coordinator.migrations",
    role="maitred_coordinator",
    produces=True,
)
