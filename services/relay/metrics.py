"""What the relay counts."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Metrics of one relay process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "maitred_events",
            "Events moved from the outbox to the log, by type.",
            ("type",),
            registry=registry,
        )
        self.published = Counter(
            "maitred_events_published", "Entries added to streams.", registry=registry
        )
        self.held = Gauge(
            "maitred_relay_partitions_held", "Partitions held now.", registry=registry
        )
        self.unpublished = Gauge(
            "maitred_events_unpublished",
            "Events of partitions held that are in the log and not in their stream.",
            registry=registry,
        )
        self._rows = Gauge("maitred_outbox_rows", "Rows waiting in the outbox.", registry=registry)
        self._oldest = Gauge(
            "maitred_outbox_oldest_seconds", "Age of the oldest waiting row.", registry=registry
        )
        self._letters = Gauge(
            "maitred_dead_letters",
            "Events set aside, by consumer and status: waiting, resolved, discarded.",
            ("consumer", "status"),
            registry=registry,
        )
        self._interventions = Counter(
            "maitred_dead_letter_interventions",
            "Dead letters that somebody had replayed or discarded, by action.",
            ("action",),
            registry=registry,
        )

    def moved(self, types: Iterable[str]) -> None:
        """Counts events that were moved, given the type of each."""
        for kind, count in Tally(types).items():
            self._events.labels(kind).inc(count)

    def backlog(self, waiting: int, age_s: float) -> None:
        """Records what waits in the outbox."""
        self._rows.set(waiting)
        self._oldest.set(age_s)

    def letters(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Records how many dead letters there are by consumer and status."""
        # A consumer whose last letter was deleted has none, not the last number seen.
        self._letters.clear()
        for (consumer, status), count in counts.items():
            self._letters.labels(consumer, status).set(count)

    def intervened(self, action: str, count: int) -> None:
        """Counts letters that somebody had replayed or discarded."""
        self._interventions.labels(action).inc(count)
