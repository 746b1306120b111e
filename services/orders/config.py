"""Settings of the orders service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, setting


class OrdersConfig(ProcessConfig):
    """Orders."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_ORDERS_")

    listen: str = setting("127.0.0.1:7102", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9466", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of this service, with its own role; empty for the one `maitred migrate` makes.",
        env="MAITRED_DB_ORDERS_URL",
        sensitive=True,
    )
    quote_lifetime_s: int = setting(
        600, "Seconds a quote's price holds, 1 to 86400.", ge=1, le=86_400
    )
