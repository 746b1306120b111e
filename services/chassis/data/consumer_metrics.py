"""What a process counts of the events it consumes, of all its consumers together."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConsumerMetrics:
    """The families, in one registry; each series names its consumer."""

    def __init__(self, registry: CollectorRegistry, errors: Counter) -> None:
        """`errors` counts by component and type."""
        self.errors = errors
        self.events = Counter(
            "maitred_consumer_events", "Events taken in.", ("consumer", "type"), registry=registry
        )
        self.dead_letters = Counter(
            "maitred_consumer_dead_letters",
            "Events set aside, with those that followed one.",
            ("consumer", "type"),
            registry=registry,
        )
        self.missed = Counter(
            "maitred_consumer_events_missed",
            "Events that were no longer kept when they would have been read.",
            ("consumer",),
            registry=registry,
        )
        self.lag = Gauge(
            "maitred_consumer_lag_events",
            "Events of a partition held that are in its stream and not taken in.",
            ("consumer", "partition"),
            registry=registry,
        )
        self.held = Gauge(
            "maitred_consumer_partitions_held",
            "Partitions held now.",
            ("consumer",),
            registry=registry,
        )
        self.attempts = Counter(
            "maitred_dead_letter_attempts",
            "Attempts to take in events that were set aside, by outcome: resolved, failed.",
            ("consumer", "outcome"),
            registry=registry,
        )
