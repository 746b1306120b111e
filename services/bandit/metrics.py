"""What the bandit counts."""

from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LAGS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600)


class BanditMetrics:
    """The series of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decisions = Counter(
            "bandit_decisions",
            "Decisions made, by policy and the arm chosen.",
            ("policy", "arm"),
            registry=registry,
        )
        self.rewards = Counter(
            "bandit_rewards",
            "Rewards by outcome: learned, late (logged only) or unknown (of no decision).",
            ("outcome",),
            registry=registry,
        )
        self.expirations = Counter(
            "bandit_expirations",
            "Windows that ended, by whether the default reward was learned.",
            ("learned",),
            registry=registry,
        )
        self.apply_lag = Histogram(
            "bandit_apply_lag_seconds",
            "Time from the report of a reward to its being applied.",
            buckets=_LAGS_S,
            registry=registry,
        )
        self._version = Gauge(
            "bandit_policy_version",
            "The version of a policy that this replica decides by.",
            ("tenant", "policy"),
            registry=registry,
        )

    def knows(self, tenant_id: UUID, policy_id: str, version: int) -> None:
        """Records the version a replica decides by."""
        self._version.labels(str(tenant_id), policy_id).set(version)

    def forgets(self, tenant_id: UUID, policy_id: str) -> None:
        """Ends the series of a policy no longer kept here."""
        self._version.remove(str(tenant_id), policy_id)
