"""Revisions of schema `orders`."""

from services.chassis.data.migrate import SchemaMigrations

SCHEMA = SchemaMigrations(
    schema="orders",
    package="services.orders.migrations",
    role="maitred_orders",
    produces=True,
)
