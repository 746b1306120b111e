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
    quote_key: str = setting(
        "",
        "Secret that signs quotes, the same in all replicas; empty to sign with "
        "MAITRED_PAGE_TOKEN_KEY.",
        sensitive=True,
    )
    quote_key_before: str = setting(
        "",
        "The secret that signed quotes before, still known while they last; empty for "
        "MAITRED_PAGE_TOKEN_KEY.",
        sensitive=True,
    )
    cancel_window_s: int = setting(
        120,
        "Seconds in which guests may cancel what they ordered, 0 to 86400; 0 for never.",
        ge=0,
        le=86_400,
    )
    sealing_key: str = setting(
        "",
        "Secret that webhooks' secrets are kept under, the same for orders and worker; several, "
        "separated by commas, to change it: the first seals, all open. Empty for "
        "MAITRED_PAGE_TOKEN_KEY.",
        sensitive=True,
    )
    webhook_allow_http: bool = setting(
        False, "Whether webhooks may be sent without TLS, to http:// URLs."
    )
    webhook_allow_private: bool = setting(
        False, "Whether webhooks may be sent to private, loopback and link-local addresses."
    )
    webhook_timeout_s: float = setting(
        15.0, "Seconds an attempt to deliver a webhook may take in all, up to 60.", gt=0, le=60
    )
    webhook_retry_waits_s: str = setting(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        "Seconds after the first attempt, the second and so on until the next, give or take a "
        "fifth; after the last one a delivery is given up.",
        pattern=r"^([0-9]{1,7}(,[0-9]{1,7}){0,30})?$",
    )
    webhook_attempts_at_once: int = setting(
        4, "Attempts made at one webhook at a time, 1 to 32.", ge=1, le=32
    )
    webhook_breaker_failures: int = setting(
        5, "Failures one after another that keep attempts from a webhook, 1 to 100.", ge=1, le=100
    )
    webhook_breaker_open_s: int = setting(
        60, "Seconds until one attempt is let through again, 1 to 86400.", ge=1, le=86_400
    )
    webhook_disable_after_s: int = setting(
        432_000,
        "Seconds of nothing but failures after which a webhook is disabled; 0 for never.",
        ge=0,
    )
    webhook_overlap_s: int = setting(
        86_400,
        "Seconds the secret before a rotation signs beside the new one, up to 30 days.",
        ge=0,
        le=2_592_000,
    )
    webhook_limit: int = setting(20, "Webhooks a tenant may have, 1 to 1000.", ge=1, le=1000)
    webhook_kept_days: int = setting(30, "Days deliveries are kept, 1 to 365.", ge=1, le=365)
