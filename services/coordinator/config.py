"""Settings of the coordinator."""

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, peer, setting


class CoordinatorConfig(ProcessConfig):
    """Coordinator: conversations with guests."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_COORDINATOR_")

    listen: str = setting("127.0.0.1:7101", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9465", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres with the coordinator's own role; empty for the one `maitred migrate` makes.",
        env="MAITRED_DB_COORDINATOR_URL",
        sensitive=True,
    )
    orders_address: str = peer("orders", "ipv4:127.0.0.1:7102")
