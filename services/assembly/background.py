"""The jobs of all services, given to the worker.

Each service's jobs work in its own database role, on a small pool of their own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from services.chassis.data.jobs import JobSet
from services.chassis.run.config import ProcessConfig, setting
from services.chassis.run.lifecycle import Component, Resources, open_resources
from services.worker.config import WorkerConfig
from services.worker.wiring import build as build_worker

# Connections of one service's jobs: one that works and one that plans.
_POOL = 2


class BackgroundConfig(WorkerConfig):
    """The worker with the databases of the services whose jobs it runs."""

    learning_database_url: str = setting(
        "",
        "Postgres of learning's jobs, with learning's role.",
        env="MAITRED_DB_LEARNING_URL",
        sensitive=True,
    )
    orders_database_url: str = setting(
        "",
        "Postgres of orders' jobs, with orders' role.",
        env="MAITRED_DB_ORDERS_URL",
        sensitive=True,
    )
    orders_sealing_key: str = setting(
        "",
        "Secret that webhooks' secrets are kept under, that of orders.",
        env="MAITRED_ORDERS_SEALING_KEY",
        sensitive=True,
    )


async def build(config: BackgroundConfig, resources: Resources) -> Component:
    """The worker of every service's jobs.

    Raises:
        ValueError: a database is not configured.
        SchemaMismatch: a database is not migrated.
    """
    from services.learning.config import LearningConfig
    from services.learning.jobs import build as learning
    from services.orders.config import OrdersConfig
    from services.orders.jobs import build as orders

    sets = [
        await _opened(
            "learning", LearningConfig, learning, config.learning_database_url, config, resources
        ),
        await _opened(
            "orders",
            partial(OrdersConfig, sealing_key=config.orders_sealing_key),
            orders,
            config.orders_database_url,
            config,
            resources,
        ),
    ]
    return await build_worker(config, resources, sets)


async def _opened(
    name: str,
    settings: Callable[..., ProcessConfig],
    build_jobs: Callable[[Any, Resources], JobSet],
    database_url: str,
    worker: WorkerConfig,
    resources: Resources,
) -> JobSet:
    """A service's jobs, on resources of their own that end with the worker's."""
    # What a whole installation shares the worker was told.
    config = settings(
        database_url=database_url,
        database_pool=_POOL,
        redis_url=worker.redis_url,
        page_token_key=worker.page_token_key,
    )
    own = await open_resources(f"{name}-jobs", config, resources.stack, resources.telemetry)
    return build_jobs(config, own)
