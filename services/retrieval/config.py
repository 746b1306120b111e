"""Settings of the retrieval service."""

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, setting


class RetrievalConfig(ProcessConfig):
    """Retrieval."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_RETRIEVAL_")

    listen: str = setting("127.0.0.1:7105", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9470", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of this service, with its own role; empty for the one `maitred migrate` makes.",
        env="MAITRED_DB_RETRIEVAL_URL",
        sensitive=True,
    )
    dense_weight: float = setting(
        0.3,
        "Weight of meaning against words where a search names none, 0 to 1.",
        ge=0,
        le=1,
    )
    candidates: int = setting(
        200,
        "Pieces each of meaning and words may put forward in a search, 10 to 2000.",
        ge=10,
        le=2000,
    )
    least_cosine: float = setting(
        0.2, "Cosine below which a piece is not found by meaning, -1 to 1.", ge=-1, le=1
    )
    indexes_kept: int = setting(
        64,
        "Tenants whose index is kept in memory, the last searched ones; 1 to 10000.",
        ge=1,
        le=10_000,
    )
    refresh_s: float = setting(
        1.0, "Seconds a search may be answered without asking for a newer generation.", ge=0
    )
    poll_s: float = setting(
        1.0, "Seconds after which documents waiting anywhere are looked for.", gt=0
    )
