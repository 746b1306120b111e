"""Settings of the worker."""

from pydantic import field_validator
from pydantic_settings import SettingsConfigDict

from services.chassis.data.jobs import Queue
from services.chassis.run.config import ProcessConfig, setting


class WorkerConfig(ProcessConfig):
    """The worker: background jobs and schedules."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_WORKER_")

    listen: str = setting("127.0.0.1:7107", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9472", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of schema jobs, with its own role; empty for what `maitred migrate` makes.",
        env="MAITRED_DB_WORKER_URL",
        sensitive=True,
    )
    database_pool: int = setting(
        2,
        "Most connections to Postgres, 1 to 32, beside two for jobs and one for its heart.",
        ge=1,
        le=32,
    )
    queues: str = setting(
        ",".join(Queue), "Queues this worker serves, separated by commas; empty for all."
    )
    concurrency: int = setting(8, "Jobs it runs at a time, 1 to 100.", ge=1, le=100)
    processes: int = setting(
        1, "Processes for what takes long on the CPU, each begun when first needed.", ge=1, le=64
    )
    retention_days: int = setting(
        7, "Days a job that succeeded or was cancelled is kept, at least 1.", ge=1
    )
    failed_retention_days: int = setting(
        30, "Days a job that failed is kept to be retried, at least 1.", ge=1
    )

    @field_validator("queues")
    @classmethod
    def _are_queues(cls, value: str) -> str:
        chosen = [name.strip() for name in value.split(",") if name.strip()]
        for name in chosen:
            Queue(name)
        return ",".join(chosen or Queue)

    @property
    def served(self) -> tuple[Queue, ...]:
        """The queues, each once."""
        return tuple(dict.fromkeys(Queue(name) for name in self.queues.split(",")))
