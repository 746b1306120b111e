"""Revisions of schema `learning`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="learning",
    package=__name__,
    role="maitred_learning",
    produces=True,
    consumes=True,
    defers=True,
)
