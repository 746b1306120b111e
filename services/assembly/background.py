"""The jobs of all services, given to the worker.

Each service's jobs work in its own database role, on a small pool of their own.
"""

from collections.abc import Callable
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


async def build(config: BackgroundConfig, resources: Resources) -> Component:
    """The worker of every service's jobs.

    Raises:
        ValueError: a database is not configured.
        SchemaMismatch: a database is not migrated.
    """
    from services.learning.config import LearningConfig
    from services.learning.jobs import build as learning

    sets = [
        await _opened("learning", LearningConfig, learning, config.learning_database_url, resources)
    ]
    return await build_worker(config, resources, sets)


async def _opened(
    name: str,
    settings: type[ProcessConfig],
    build_jobs: Callable[[Any, Resources], JobSet],
    database_url: str,
    resources: Resources,
) -> JobSet:
    """A service's jobs, on resources of their own that end with the worker's."""
    config = settings(database_url=database_url, database_pool=_POOL, redis_url="")
    own = await open_resources(f"{name}-jobs", config, resources.stack, resources.telemetry)
    return build_jobs(config, own)
