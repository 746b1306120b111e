"""What the relay counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Metrics of one relay process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.moved = Counter(
            "relay_events_moved", "Events moved from the outbox to the log.", registry=registry
        )
        self.published = Counter(
            "relay_events_published", "Entries added to streams.", registry=registry
        )
        self.held = Gauge("relay_partitions_held", "Partitions held now.", registry=registry)
        self.unpublished = Gauge(
            "relay_events_unpublished",
            "Events of partitions held that are in the log and not in their stream.",
            registry=registry,
        )
        self._waiting = Gauge(
            "relay_outbox_waiting", "Rows waiting in the outbox.", registry=registry
        )
        self._age = Gauge(
            "relay_outbox_age_seconds", "Age of the oldest waiting row.", registry=registry
        )

    def backlog(self, waiting: int, age_s: float) -> None:
        """Records what waits in the outbox."""
        self._waiting.set(waiting)
        self._age.set(age_s)
