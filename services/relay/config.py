"""Settings of the relay."""

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, setting


class RelayConfig(ProcessConfig):
    """The relay: from the outbox to the log and the streams."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_RELAY_")

    listen: str = setting("127.0.0.1:7106", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting("127.0.0.1:9467", "Address of /metrics and /healthz.")
    database_url: str = setting(
        "", "Postgres, with the relay's role.", env="MAITRED_DB_RELAY_URL", sensitive=True
    )
    batch: int = setting(
        250, "Events of each partition moved in one transaction, 1 to 2000.", ge=1, le=2000
    )
    poll_s: float = setting(
        1.0, "Seconds after which the outbox is looked at without being told.", gt=0
    )
    stream_retention_s: int = setting(
        86_400, "Seconds an event stays in its stream: how far back SSE can resume.", ge=1
    )
    log_retention_days: int = setting(
        400, "Days an event stays in the log; whole months are dropped.", ge=31
    )
    dead_letter_retention_days: int = setting(
        30, "Days a dead letter is kept after it was resolved or discarded.", ge=1
    )
    trim_every_s: float = setting(60.0, "Seconds between trimmings of streams and log.", gt=0)
