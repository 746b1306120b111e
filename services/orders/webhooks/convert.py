"""Webhooks between their contract and the domain."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from maitred.orders.v1 import webhook_pb2, webhook_service_pb2

from services.chassis.data.ids import to_id
from services.chassis.rpc.errors import (
    Failure,
    FieldProblem,
    exhausted,
    invalid,
    not_found,
    precondition,
)
from services.orders.webhooks.addresses import TargetRefused
from services.orders.webhooks.breaker import BreakerState, state
from services.orders.webhooks.delivery import Attempt, Delivery, DeliveryStatus
from services.orders.webhooks.events import KNOWN
from services.orders.webhooks.webhook import (
    DisableReason,
    Terms,
    Thresholds,
    Webhook,
    is_prefix,
)

_REASONS = {
    None: webhook_pb2.WEBHOOK_DISABLE_REASON_UNSPECIFIED,
    DisableReason.OWNER: webhook_pb2.WEBHOOK_DISABLE_REASON_OWNER,
    DisableReason.GONE: webhook_pb2.WEBHOOK_DISABLE_REASON_GONE,
    DisableReason.FAILING: webhook_pb2.WEBHOOK_DISABLE_REASON_FAILING,
}
_BREAKERS = {
    BreakerState.CLOSED: webhook_pb2.WEBHOOK_BREAKER_STATE_CLOSED,
    BreakerState.OPEN: webhook_pb2.WEBHOOK_BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: webhook_pb2.WEBHOOK_BREAKER_STATE_HALF_OPEN,
}
_STATUSES = {
    DeliveryStatus.WAITING: webhook_pb2.WEBHOOK_DELIVERY_STATUS_WAITING,
    DeliveryStatus.SENDING: webhook_pb2.WEBHOOK_DELIVERY_STATUS_SENDING,
    DeliveryStatus.DELIVERED: webhook_pb2.WEBHOOK_DELIVERY_STATUS_DELIVERED,
    DeliveryStatus.FAILED: webhook_pb2.WEBHOOK_DELIVERY_STATUS_FAILED,
}
_BY_STATUS = {value: status for status, value in _STATUSES.items()}


def to_terms(request: webhook_service_pb2.CreateWebhookRequest) -> Terms:
    """What the owner of a new endpoint says of it."""
    return Terms(
        url=request.url,
        event_types=tuple(request.event_types),
        description=request.description,
        failures_to_open=request.breaker.failures_to_open,
        open_seconds=request.breaker.open_seconds,
    )


def changed(terms: Terms, request: webhook_service_pb2.UpdateWebhookRequest) -> Terms:
    """The terms with what a request gives in the place of what they said."""
    if request.HasField("url"):
        terms = replace(terms, url=request.url)
    if request.event_types:
        terms = replace(terms, event_types=tuple(request.event_types))
    if request.HasField("description"):
        terms = replace(terms, description=request.description)
    if request.HasField("breaker"):
        terms = replace(
            terms,
            failures_to_open=request.breaker.failures_to_open,
            open_seconds=request.breaker.open_seconds,
        )
    return terms


def to_status(value: webhook_pb2.WebhookDeliveryStatus.ValueType) -> DeliveryStatus | None:
    """The status a list is filtered by; None for all."""
    return _BY_STATUS.get(value)


def from_webhook(webhook: Webhook, defaults: Thresholds, now: datetime) -> webhook_pb2.Webhook:
    """An endpoint as its owner sees it, without secrets."""
    terms, health, secrets = webhook.terms, webhook.health, webhook.secrets
    at = state(health, terms.thresholds(defaults), now)
    message = webhook_pb2.Webhook(
        webhook_id=to_id("whk", webhook.webhook_id),
        url=terms.url,
        event_types=terms.event_types,
        description=terms.description,
        breaker=webhook_pb2.WebhookBreaker(
            failures_to_open=terms.failures_to_open, open_seconds=terms.open_seconds
        ),
        state=webhook_pb2.WEBHOOK_STATE_ENABLED
        if webhook.is_enabled
        else webhook_pb2.WEBHOOK_STATE_DISABLED,
        disable_reason=_REASONS[webhook.disable_reason],
        breaker_state=_BREAKERS[at],
        consecutive_failures=health.failures,
    )
    _fill(message.disable_time, webhook.disable_time)
    _fill(message.breaker_open_until_time, health.open_until)
    _fill(message.failing_since_time, health.failing_since)
    if len(secrets.at(now)) > 1:
        _fill(message.old_secret_expire_time, secrets.old_expire_time)
    _fill(message.create_time, webhook.create_time)
    _fill(message.update_time, webhook.update_time)
    return message


def from_delivery(
    delivery: Delivery, attempts: Sequence[Attempt] = ()
) -> webhook_pb2.WebhookDelivery:
    """A delivery; with its attempts and what is sent where they were read."""
    message = webhook_pb2.WebhookDelivery(
        delivery_id=to_id("whd", delivery.delivery_id),
        webhook_id=to_id("whk", delivery.webhook_id),
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        status=_STATUSES[delivery.status],
        attempt_count=delivery.attempts,
        last_status_code=delivery.last_status_code,
        attempts=[_from_attempt(attempt) for attempt in attempts],
        body=delivery.payload.decode(errors="replace"),
    )
    _fill(message.create_time, delivery.create_time)
    if delivery.status is DeliveryStatus.WAITING:
        _fill(message.next_attempt_time, delivery.next_attempt_time)
    _fill(message.finish_time, delivery.finish_time)
    return message


def webhook_not_found(webhook_id: str) -> Failure:
    """WEBHOOK_NOT_FOUND."""
    return not_found(
        "WEBHOOK_NOT_FOUND", f"There is no webhook {webhook_id}.", webhook_id=webhook_id
    )


def delivery_not_found(delivery_id: str) -> Failure:
    """WEBHOOK_DELIVERY_NOT_FOUND."""
    return not_found(
        "WEBHOOK_DELIVERY_NOT_FOUND",
        f"There is no delivery {delivery_id} of this webhook.",
        delivery_id=delivery_id,
    )


def target_refused(refused: TargetRefused) -> Failure:
    """WEBHOOK_TARGET_REFUSED, naming the field."""
    return invalid(
        "WEBHOOK_TARGET_REFUSED",
        f"The URL {refused}.",
        [FieldProblem("url", str(refused))],
        problem=str(refused),
    )


def check_types(patterns: Sequence[str]) -> None:
    """Fails with INVALID_FIELD if one of them is a type that no event has."""
    known = ", ".join(sorted(KNOWN))
    problems = [
        FieldProblem(f"event_types[{index}]", f"no event is of type {pattern}; there are: {known}")
        for index, pattern in enumerate(patterns)
        if not is_prefix(pattern) and pattern not in KNOWN
    ]
    if problems:
        raise invalid(
            "INVALID_FIELD",
            "; ".join(f"{problem.field}: {problem.description}" for problem in problems) + ".",
            problems,
            field=",".join(problem.field for problem in problems),
        )


def limit_reached(most: int) -> Failure:
    """WEBHOOK_LIMIT_REACHED."""
    return exhausted(
        "WEBHOOK_LIMIT_REACHED", f"There are {most} webhooks already.", limit=str(most)
    )


def webhook_disabled(webhook_id: str) -> Failure:
    """WEBHOOK_DISABLED."""
    return precondition(
        "WEBHOOK_DISABLED",
        f"Webhook {webhook_id} is disabled; enable it first.",
        webhook_id=webhook_id,
    )


def _from_attempt(attempt: Attempt) -> webhook_pb2.WebhookAttempt:
    message = webhook_pb2.WebhookAttempt(
        number=attempt.number,
        status_code=attempt.status_code,
        duration_ms=attempt.duration_ms,
        error=attempt.error,
        response_body=attempt.response_body,
    )
    message.start_time.FromDatetime(attempt.start_time)
    return message


def _fill(field: Timestamp, moment: datetime | None) -> None:
    if moment is not None:
        field.FromDatetime(moment)
