"""Settings of the learning service."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from services.chassis.run.config import ProcessConfig, setting
from services.learning.trust import TrustPolicy


class LearningConfig(ProcessConfig):
    """Learning."""

    model_config = SettingsConfigDict(env_prefix="MAITRED_LEARNING_")

    listen: str = setting("127.0.0.1:7104", "Address gRPC is served on; port 0 takes a free one.")
    admin_listen: str = setting(
        "127.0.0.1:9469", "Address of /metrics and /healthz; port 0 takes a free one."
    )
    database_url: str = setting(
        "",
        "Postgres of this service, with its own role; empty for the one `maitred migrate` makes.",
        env="MAITRED_DB_LEARNING_URL",
        sensitive=True,
    )
    is_enabled: bool = setting(True, "Whether anything is learned at all.", env="LEARNING_ENABLED")
    is_tracking: bool = setting(
        True,
        "Whether recommendations and their outcomes are recorded; events pass unread without.",
        env="LEARNING_TRACKING",
    )
    runs_jobs: bool = setting(True, "Whether cycles of learning run.", env="LEARNING_JOBS")
    half_life_s: float = setting(
        604_800.0,
        "Seconds after which an outcome counts half in trust, above 0; a week by default.",
        gt=0,
    )
    minimum_evidence: float = setting(
        5.0,
        "Outcomes, faded by age, below which trust moves no boost and disables nobody, at least 1.",
        ge=1,
    )
    timely_s: float = setting(
        1800.0, "Seconds within which an outcome counts as in time, above 0.", gt=0
    )
    probe_share: float = setting(
        0.05,
        "Share of choices in which a disabled agent is let in nevertheless, 0 to 1.",
        ge=0,
        le=1,
    )

    @property
    def policy(self) -> TrustPolicy:
        """The rules of trust these settings make."""
        return TrustPolicy(
            half_life=timedelta(seconds=self.half_life_s),
            timely=timedelta(seconds=self.timely_s),
            minimum_evidence=self.minimum_evidence,
            probe_share=self.probe_share,
        )

    @property
    def switched_off(self) -> str:
        """The switch that keeps cycles from running; empty if none does."""
        switches = {"LEARNING_ENABLED": self.is_enabled, "LEARNING_JOBS": self.runs_jobs}
        return next((name for name, is_on in switches.items() if not is_on), "")
