"""What may be done with a delivery now; what becomes of it and its endpoint by an attempt."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.orders.webhooks.breaker import failed, slots, state, succeeded
from services.orders.webhooks.delivery import Answer, Delivery, DeliveryStatus, Outcome
from services.orders.webhooks.schedule import Schedule, retry_after
from services.orders.webhooks.webhook import DisableReason, Thresholds, Webhook

# By which the clocks of a worker and of the database, which hands its jobs out, may differ.
_CLOCKS_APART = timedelta(seconds=1)

LOST = "its outcome is unknown: the process that made it was lost"


@dataclass(frozen=True, slots=True)
class Policy:
    """How deliveries are made.

    Attributes:
        schedule: when they are tried again.
        thresholds: of breakers whose owners say nothing.
        most_at_once: attempts at one endpoint.
        lease: longer than any attempt takes.
        disable_after: failing for so long disables an endpoint; zero for never.
        kept_for: how long deliveries are kept.
    """

    schedule: Schedule
    thresholds: Thresholds
    most_at_once: int
    lease: timedelta
    disable_after: timedelta
    kept_for: timedelta = timedelta(days=30)


class Verdict(StrEnum):
    """What a job does with its delivery."""

    GO = "go"
    LATER = "later"
    PARK = "park"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Admission:
    """What a job does, and when it comes again if that is later."""

    verdict: Verdict
    at: datetime | None = None


def admit(
    webhook: Webhook, delivery: Delivery, number: int, busy: int, policy: Policy, now: datetime
) -> Admission:
    """Whether a job makes its attempt.

    Args:
        webhook: the endpoint.
        delivery: what is to be sent.
        number: of the attempt the job was made for; the one before if its process was lost.
        busy: attempts being made at the endpoint, beside the delivery's own.
        policy: how deliveries are made.
        now: the time.
    """
    is_sending = delivery.status is DeliveryStatus.SENDING
    is_over = delivery.status in {DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}
    # Another number is that of a job whose attempt was made by somebody else.
    expected = delivery.attempts if is_sending else delivery.attempts + 1
    if is_over or number != expected:
        return Admission(Verdict.OVER)
    due = delivery.lease_time if is_sending else delivery.next_attempt_time
    if due is not None and due > now:
        return Admission(Verdict.LATER, due)
    if free(webhook, busy, policy, now) > 0:
        return Admission(Verdict.GO)
    opens = webhook.health.open_until
    if webhook.is_enabled and opens is not None and timedelta() < opens - now < _CLOCKS_APART:
        # It may be the one that was woken for that moment: parked, it would wake nobody.
        return Admission(Verdict.LATER, opens)
    return Admission(Verdict.PARK)


def free(webhook: Webhook, busy: int, policy: Policy, now: datetime) -> int:
    """How many more attempts may be made at an endpoint now."""
    if not webhook.is_enabled:
        return 0
    at = state(webhook.health, webhook.terms.thresholds(policy.thresholds), now)
    return max(0, slots(at, policy.most_at_once) - busy)


def begun(delivery: Delivery, policy: Policy, now: datetime) -> Delivery:
    """The delivery while an attempt is made."""
    return replace(
        delivery,
        status=DeliveryStatus.SENDING,
        attempts=delivery.attempts + 1,
        tries=delivery.tries + 1,
        lease_time=now + policy.lease,
        is_parked=False,
    )


def settled(
    delivery: Delivery, answer: Answer, policy: Policy, now: datetime, chance: float
) -> Delivery:
    """The delivery after an attempt.

    Args:
        delivery: while it was made.
        answer: what came of it.
        policy: how deliveries are made.
        now: the time.
        chance: in [0, 1), of the jitter.
    """
    ended = replace(delivery, last_status_code=answer.status_code, lease_time=None)
    if answer.outcome is Outcome.DELIVERED:
        return finished(ended, DeliveryStatus.DELIVERED, now)
    wait = policy.schedule.wait(delivery.tries, chance)
    if answer.outcome is Outcome.GONE or wait is None:
        return finished(ended, DeliveryStatus.FAILED, now)
    asked = retry_after(answer.retry_after, now) if answer.retry_after else None
    return replace(
        ended,
        status=DeliveryStatus.WAITING,
        next_attempt_time=max(now + wait, asked) if asked else now + wait,
    )


def finished(delivery: Delivery, status: DeliveryStatus, now: datetime) -> Delivery:
    """The delivery when there is nothing more to do."""
    return replace(
        delivery, status=status, next_attempt_time=None, is_parked=False, finish_time=now
    )


def retried(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery when somebody wants it sent once more: now, with all of the schedule ahead."""
    return replace(
        delivery,
        status=DeliveryStatus.WAITING,
        tries=0,
        next_attempt_time=now,
        finish_time=None,
        is_parked=False,
    )


def judged(webhook: Webhook, answer: Answer, policy: Policy, now: datetime) -> Webhook:
    """The endpoint after an attempt."""
    if answer.outcome is Outcome.DELIVERED:
        return replace(webhook, health=succeeded(), wake_time=None)
    thresholds = webhook.terms.thresholds(policy.thresholds)
    after = replace(webhook, health=failed(webhook.health, thresholds, now))
    if answer.outcome is Outcome.GONE:
        return disabled(after, DisableReason.GONE, now)
    since = after.health.failing_since
    if policy.disable_after and since is not None and now - since >= policy.disable_after:
        return disabled(after, DisableReason.FAILING, now)
    return after


def disabled(webhook: Webhook, reason: DisableReason, now: datetime) -> Webhook:
    """The endpoint when nothing is sent any more; as it was if that is so already."""
    if not webhook.is_enabled:
        return webhook
    return replace(webhook, disable_reason=reason, disable_time=now, wake_time=None)


def enabled(webhook: Webhook) -> Webhook:
    """The endpoint when events are sent again: nothing of the past counts."""
    return replace(
        webhook, disable_reason=None, disable_time=None, health=succeeded(), wake_time=None
    )
