"""What a process counts of the events it consumes, of all its consumers together."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConsumerMetrics:
    """The families, in one registry; each series names its consumer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "consumer_events", "Events taken in.", ("consumer", "type"), registry=registry
        )
        self.dead_letters = Counter(
            "consumer_dead_letters",
            "Events set aside, with those that followed one.",
            ("consumer", "type"),
            registry=registry,
        )
        self.missed = Counter(
            "consumer_events_missed",
            "Events that were no longer kept when they would have been read.",
            ("consumer",),
            registry=registry,
        )
        self.lag = Gauge(
            "consumer_lag_events",
            "Events of a partition held that are in its stream and not taken in.",
            ("consumer", "partition"),
            registry=registry,
        )
        self.held = Gauge(
            "consumer_partitions_held", "Partitions held now.", ("consumer",), registry=registry
        )
