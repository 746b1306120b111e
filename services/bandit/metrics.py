"""What the bandit counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.bandit.policy import SERVING

# Who asks names arms, and tenants name policies: more than these are counted together.
_MOST_ARMS = 50
_OTHER = "other"
_LAGS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600)


class BanditMetrics:
    """The series of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "bandit_decisions",
            "Decisions made, by policy and the arm chosen; `other` for policies beside `serving`"
            " and for arms beyond the first 50.",
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
        self.policies = Gauge(
            "bandit_policies_held",
            "Policies that this replica has a copy of.",
            registry=registry,
        )
        self._arms: set[str] = set()

    def decided(self, policy_id: str, arm_id: str) -> None:
        """Counts a decision."""
        if policy_id != SERVING:
            policy_id = arm_id = _OTHER
        elif arm_id not in self._arms:
            if len(self._arms) < _MOST_ARMS:
                self._arms.add(arm_id)
            else:
                arm_id = _OTHER
        self._decisions.labels(policy_id, arm_id).inc()
