"""What a cache says of itself."""

from prometheus_client import CollectorRegistry, Counter


class CacheMetrics:
    """The families, in one registry; each series names its cache.

    Hit ratio: `sum by (cache) (rate(maitred_cache_requests_total{result="hit"}[5m])) /
    sum by (cache) (rate(maitred_cache_requests_total[5m]))`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "maitred_cache_requests",
            "Reads through a cache. hit: answered by it; miss: it had nothing and was filled; "
            "bypass: it could not be asked or trusted, and the database answered.",
            ("cache", "result"),
            registry=registry,
        )
        self.lock_waits = Counter(
            "maitred_cache_lock_waits",
            "Times a read waited for another process to fill the cache.",
            ("cache",),
            registry=registry,
        )
