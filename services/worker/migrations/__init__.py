"""Revisions of schema `jobs`, in which others can only defer."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(schema="jobs", package=__name__, role="maitred_worker")
