"""What retrieval counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RetrievalMetrics:
    """Metrics of one retrieval process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ingestions = Counter(
            "retrieval_ingestions_total",
            "Ingestions that ended here, by how.",
            ("state",),
            registry=registry,
        )
        self.chunks = Counter(
            "retrieval_chunks_embedded_total", "Pieces of documents embedded.", registry=registry
        )
        self.indexes = Gauge(
            "retrieval_indexes", "Tenants whose index is in memory.", registry=registry
        )
        self.refresh_failures = Counter(
            "retrieval_refresh_failures_total",
            "Times an index could not be brought up to date; searches went on in what was there.",
            registry=registry,
        )
