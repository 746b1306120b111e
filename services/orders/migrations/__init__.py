"""Revisions of schema `orders`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="orders",
    package=__name__,
    role="maitred_orders",
    produces=True,
    consumes=True,
    defers=True,
)
