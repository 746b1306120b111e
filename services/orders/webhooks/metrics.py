"""What is counted of webhooks, of all endpoints together: tenants name them, without end."""

from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.orders.webhooks.breaker import BreakerState
from services.orders.webhooks.delivery import Answer, Outcome

_DURATIONS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
_NAME = "webhooks"
_WORTH = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class WebhookMetrics:
    """The series of a process that sends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "maitred_webhook_attempts",
            "Attempts to deliver, by outcome: delivered, rejected (another status), redirected,"
            " gone (410), timed_out, unreachable, refused (an address that may not be called).",
            ("outcome",),
            registry=registry,
        )
        self._duration = Histogram(
            "maitred_webhook_duration_seconds",
            "Time an attempt took.",
            buckets=_DURATIONS_S,
            registry=registry,
        )
        self._state = Gauge(
            "maitred_breaker_state",
            "Breakers by name: 0 closed, 1 half-open, 2 open; of `webhooks` the worst of the"
            " endpoints this process has tried lately.",
            ("name",),
            registry=registry,
        )
        self._failures = Counter(
            "maitred_breaker_failures", "Failures breakers counted.", ("name",), registry=registry
        )
        self._response = Histogram(
            "maitred_breaker_response_seconds",
            "Time that what a breaker guards took to answer, failures included.",
            ("name",),
            buckets=_DURATIONS_S,
            registry=registry,
        )
        self._state.labels(_NAME).set(0)
        self._worst: dict[UUID, tuple[BreakerState, datetime]] = {}

    def attempted(self, answer: Answer) -> None:
        """Counts an attempt."""
        seconds = answer.duration.total_seconds()
        self._attempts.labels(answer.outcome).inc()
        self._duration.observe(seconds)
        self._response.labels(_NAME).observe(seconds)
        if answer.outcome is not Outcome.DELIVERED:
            self._failures.labels(_NAME).inc()

    def saw(
        self, webhook_id: UUID, state: BreakerState, open_for: timedelta, now: datetime
    ) -> None:
        """Remembers the state of a breaker until another process may well have changed it."""
        self._worst.pop(webhook_id, None)
        if state is not BreakerState.CLOSED:
            self._worst[webhook_id] = state, now + 2 * open_for
        self._worst = {one: kept for one, kept in self._worst.items() if kept[1] > now}
        states = [_WORTH[state] for state, _ in self._worst.values()]
        self._state.labels(_NAME).set(max(states, default=0))


class BacklogMetrics:
    """What is left to do, as every process that serves orders sees it: the same number in each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "maitred_webhook_deliveries_waiting",
            "Deliveries of all tenants that are to be sent, those of disabled endpoints too.",
            registry=registry,
        )
