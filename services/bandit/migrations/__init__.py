"""Revisions of schema `bandit`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(schema="bandit", package=__name__, role="maitred_bandit", consumes=True)
