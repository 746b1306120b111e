"""Revisions of schema `identity`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="identity",
    package="gateway.identity.migrations",
    role="maitred_gateway",
    produces=True,
)
