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
    bandit_address: str = peer("bandit", "ipv4:127.0.0.1:7103")
    learning_address: str = peer("learning", "ipv4:127.0.0.1:7104")
    retrieval_address: str = peer("retrieval", "ipv4:127.0.0.1:7105")
    openai_api_base: str = setting(
        "",
        "Base address of an OpenAI-compatible API, such as `https://api.example.com/v1`, whose "
        "model talks to guests; empty for the built-in one.",
        env="OPENAI_API_BASE",
    )
    openai_api_key: str = setting(
        "",
        "Key of that API; empty where it asks for none.",
        env="OPENAI_API_KEY",
        sensitive=True,
    )
    model: str = setting(
        "",
        "Model that talks to guests, by its name at OPENAI_API_BASE: gpt-4o-mini if empty; "
        "maitred-local, the built-in one, also where that address is set.",
    )
    model_timeout_s: float = setting(
        30.0, "Seconds that model may be silent before its answer is given up.", gt=0
    )
    abandoned_after_s: float = setting(
        1800.0,
        "Seconds after which a conversation left with something in its cart is abandoned, up to "
        "172800.",
        gt=0,
        # Tenants are remembered for a little longer.
        le=172_800,
    )
    learning_enabled: bool = setting(
        True,
        "Whether anything is learnt at all; off, the other three are off as well.",
        env="LEARNING_ENABLED",
    )
    learning_tracking: bool = setting(
        True, "Whether what agents recommend is told and recorded.", env="LEARNING_TRACKING"
    )
    learning_jobs: bool = setting(True, "Whether learning cycles run.", env="LEARNING_JOBS")
    learning_routing: bool = setting(
        True,
        "Whether the bandit chooses who serves; off, the workflow's own agent does.",
        env="LEARNING_ROUTING",
    )
