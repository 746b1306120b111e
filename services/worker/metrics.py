"""What a worker counts.

- `maitred_job_duration_seconds{queue,task,status}`, a histogram of runs by how they ended:
  succeeded, retried, failed, aborted
- `maitred_job_queue_length{queue}`, jobs that wait and are due, of all workers
- `maitred_job_queue_oldest_seconds{queue}`, how long the oldest of them has been due
- `maitred_jobs_failed{queue}`, jobs that failed for good and are kept
- `maitred_worker_jobs_running`, jobs this process is in
- `maitred_jobs_rescued_total`, jobs taken from workers that died
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.worker.state import QueueRow

_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)


class WorkerMetrics:
    """The families, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "maitred_job_duration_seconds",
            "How long runs of jobs took.",
            ("queue", "task", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.running = Gauge(
            "maitred_worker_jobs_running", "Jobs this process is in.", registry=registry
        )
        self.rescued = Counter(
            "maitred_jobs_rescued", "Jobs taken from workers that died.", registry=registry
        )
        self._length = Gauge(
            "maitred_job_queue_length", "Jobs that wait and are due.", ("queue",), registry=registry
        )
        self._oldest = Gauge(
            "maitred_job_queue_oldest_seconds",
            "How long the oldest waiting job has been due.",
            ("queue",),
            registry=registry,
        )
        self._failed = Gauge(
            "maitred_jobs_failed", "Jobs that failed for good.", ("queue",), registry=registry
        )

    def measured(self, queues: Iterable[QueueRow]) -> None:
        """Records what the queues hold."""
        for queue in queues:
            self._length.labels(queue.queue).set(queue.waiting)
            self._oldest.labels(queue.queue).set(queue.oldest_age_s)
            self._failed.labels(queue.queue).set(queue.failed)
