"""Revisions of schema `retrieval`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="retrieval", package=__name__, role="maitred_retrieval", produces=True
)
