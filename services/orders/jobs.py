"""The jobs of this service, for the worker to run."""

from services.chassis.data.jobs import JobSet
from services.chassis.run.lifecycle import Resources
from services.orders.config import OrdersConfig
from services.orders.transfers.wiring import build_jobs as transfers
from services.orders.webhooks.wiring import build_jobs as webhooks


def build(config: OrdersConfig, resources: Resources) -> JobSet:
    """All of them.

    Raises:
        ValueError: no database is configured.
    """
    sets = transfers(config, resources), webhooks(config, resources)
    return JobSet(
        tuple(job for one in sets for job in one.jobs),
        tuple(schedule for one in sets for schedule in one.schedules),
    )
