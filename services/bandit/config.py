"""Settings of the bandit service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, setting


class BanditConfig(ProcessConfig):
    """Bandit."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_BANDIT_")

    listen: str = setting("127.0.0.1:7103", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9468", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of this service, with its own role; empty for the one `maitred migrate` makes.",
        env="MAITRED_DB_BANDIT_URL",
        sensitive=True,
    )
    reward_window_s: int = setting(
        86_400,
        "Seconds in which rewards of a decision are learned, where a policy does not say "
        "otherwise, 1 to 2592000.",
        ge=1,
        le=2_592_000,
    )
