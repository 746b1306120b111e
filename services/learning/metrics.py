"""What learning counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class LearningMetrics:
    """Metrics of one learning process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.recommendations = Counter(
            "learning_recommendations",
            "Recommendations recorded, by kind.",
            ("kind",),
            registry=registry,
        )
        self.outcomes = Counter(
            "learning_outcomes",
            "Outcomes that came to count, by who told: rating, order or session.",
            ("source",),
            registry=registry,
        )
        self.ignored = Counter(
            "learning_events_ignored",
            "Events nothing was learned from, by type and reason: off, irrelevant or unknown.",
            ("type", "reason"),
            registry=registry,
        )
        self.cycles = Counter(
            "learning_cycles",
            "Cycles asked for, by result: done, repeated, busy or failed.",
            ("result",),
            registry=registry,
        )
        self.cycle_duration = Histogram(
            "learning_cycle_duration_seconds", "Time a cycle took.", registry=registry
        )
