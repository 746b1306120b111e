"""The jobs of this service, for the worker to run."""

from services.chassis.data.jobs import JobSet
from services.chassis.run.lifecycle import Resources
from services.orders.config import OrdersConfig
from services.orders.webhooks.wiring import build_jobs as webhooks


def build(config: OrdersConfig, resources: Resources) -> JobSet:
    """All of them.

    Raises:
        ValueError: no database is configured.
    """
    return webhooks(config, resources)
