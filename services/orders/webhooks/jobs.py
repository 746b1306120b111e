"""Attempts as jobs, and the look after those that nobody comes for.

One job is one attempt. It takes a place at the endpoint in one transaction, sends outside of any,
and writes what came of it in another. One that dies in between has left a lease: whoever takes the
job over waits for its end and tries again, so an event may come twice, and is never lost.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.chassis.data.jobs import JobContext
from services.chassis.data.postgres import Connection
from services.orders.webhooks.breaker import state
from services.orders.webhooks.delivery import (
    Answer,
    Attempt,
    Delivery,
    DeliveryStatus,
    Outcome,
    text_of,
)
from services.orders.webhooks.metrics import WebhookMetrics
from services.orders.webhooks.queueing import DeliveryQueue
from services.orders.webhooks.sealing import SealBroken, Seals
from services.orders.webhooks.sending import Sender
from services.orders.webhooks.settling import (
    LOST,
    Policy,
    Verdict,
    admit,
    begun,
    judged,
    settled,
)
from services.orders.webhooks.signing import signed
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import Webhook

_STALLED_AFTER = timedelta(minutes=5)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    """An attempt that has its place."""

    webhook: Webhook
    delivery: Delivery
    start_time: datetime


class Deliverer:
    """Makes attempts."""

    def __init__(
        self,
        store: WebhookStore,
        queue: DeliveryQueue,
        sender: Sender,
        seals: Seals,
        policy: Policy,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        metrics: WebhookMetrics,
    ) -> None:
        self._store = store
        self._queue = queue
        self._sender = sender
        self._seals = seals
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._metrics = metrics

    async def deliver(self, context: JobContext) -> None:
        """Job `orders.deliver_webhook`: the attempt `number` of a delivery, if it is due."""
        tenant_id = context.tenant_id
        webhook_id = UUID(str(context.args["webhook_id"]))
        delivery_id = UUID(str(context.args["delivery_id"]))
        number = int(str(context.args["number"]))
        taken = await self._begin(tenant_id, webhook_id, delivery_id, number)
        if taken is None:
            return
        answer = await self._send(tenant_id, taken)
        self._metrics.attempted(answer)
        await self._end(tenant_id, taken, answer)

    async def sweep(self, context: JobContext) -> None:
        """Job `orders.sweep_webhooks`: has made what was due long ago and has no job any more.

        An endpoint that somebody holds for too long keeps no other from it, and fails the job.
        """
        before = self._clock() - _STALLED_AFTER
        failure = None
        for tenant_id, webhook_id in await self._store.stalled(before):
            try:
                await self._resume(tenant_id, webhook_id, before)
            except Exception as error:  # noqa: BLE001 - raised when the others are resumed
                _log.warning(
                    "webhook.not_resumed", webhook_id=str(webhook_id), error=type(error).__name__
                )
                failure = error
        if failure is not None:
            raise failure

    async def _resume(self, tenant_id: UUID, webhook_id: UUID, before: datetime) -> None:
        async with self._store.tenant(tenant_id) as connection:
            webhook = await self._store.lock(connection, tenant_id, webhook_id)
            if webhook is None or not webhook.is_enabled:
                return
            await self._store.park_stalled(connection, tenant_id, webhook_id, before)
            await self._queue.wake(connection, tenant_id, webhook, self._clock())
        _log.warning("webhook.deliveries_resumed", webhook_id=str(webhook_id))

    async def _begin(
        self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID, number: int
    ) -> _Begun | None:
        """Takes a place for the attempt; None if it is not to be made now."""
        async with self._store.tenant(tenant_id) as connection:
            webhook = await self._store.lock(connection, tenant_id, webhook_id)
            if webhook is None:
                # Taken in for an endpoint that was being deleted.
                await self._store.delete(connection, tenant_id, webhook_id)
                return None
            delivery = await self._store.lock_delivery(
                connection, tenant_id, webhook_id, delivery_id
            )
            if delivery is None:
                return None
            now = self._clock()
            busy = await self._store.busy(connection, tenant_id, webhook_id, delivery_id, now)
            admission = admit(webhook, delivery, number, busy, self._policy, now)
            match admission.verdict:
                case Verdict.OVER:
                    return None
                case Verdict.LATER:
                    await self._queue.put(
                        connection, tenant_id, webhook_id, [(delivery_id, number)], admission.at
                    )
                    return None
                case Verdict.PARK:
                    parked = replace(
                        delivery, status=DeliveryStatus.WAITING, lease_time=None, is_parked=True
                    )
                    await self._store.save_delivery(connection, tenant_id, parked)
                    await self._queue.wake(connection, tenant_id, webhook, now)
                    return None
            if delivery.status is DeliveryStatus.SENDING:
                await self._store.put_attempt(connection, tenant_id, delivery, self._lost(delivery))
            taken = begun(delivery, self._policy, now)
            await self._store.save_delivery(connection, tenant_id, taken)
            return _Begun(webhook, taken, now)

    def _lost(self, delivery: Delivery) -> Attempt:
        start_time = (delivery.lease_time or self._clock()) - self._policy.lease
        return Attempt(delivery.attempts, start_time, 0, 0, LOST, "")

    async def _send(self, tenant_id: UUID, taken: _Begun) -> Answer:
        webhook, delivery = taken.webhook, taken.delivery
        owner = tenant_id.bytes + webhook.webhook_id.bytes
        current, *old = webhook.secrets.at(taken.start_time)
        try:
            secrets = [self._seals.open(current, owner)]
        except SealBroken:
            _log.error("webhook.secret_unreadable", webhook_id=str(webhook.webhook_id))
            problem = "its secret cannot be read: rotate it"
            return Answer(Outcome.REFUSED, timedelta(), error=problem)
        for sealed in old:
            # Who rotated a secret that could not be read has this one beside the new one.
            with suppress(SealBroken):
                secrets.append(self._seals.open(sealed, owner))
        headers = signed(delivery.event_id, delivery.payload, secrets, taken.start_time)
        return await self._sender.post(webhook.terms.url, headers, delivery.payload)

    async def _end(self, tenant_id: UUID, taken: _Begun, answer: Answer) -> None:
        """Writes what came of an attempt, and what comes next."""
        webhook_id, delivery_id = taken.webhook.webhook_id, taken.delivery.delivery_id
        async with self._store.tenant(tenant_id) as connection:
            webhook = await self._store.lock(connection, tenant_id, webhook_id)
            if webhook is None:
                return
            delivery = await self._store.lock_delivery(
                connection, tenant_id, webhook_id, delivery_id
            )
            now = self._clock()
            if delivery is not None:
                await self._settle(connection, tenant_id, taken, delivery, answer, now)
            webhook = judged(webhook, answer, self._policy, now)
            await self._store.save_health(connection, tenant_id, webhook)
            await self._queue.wake(connection, tenant_id, webhook, now)
        thresholds = webhook.terms.thresholds(self._policy.thresholds)
        at = state(webhook.health, thresholds, now)
        self._metrics.saw(webhook_id, at, thresholds.open_for, now)
        if not webhook.is_enabled:
            _log.warning(
                "webhook.disabled", webhook_id=str(webhook_id), reason=webhook.disable_reason
            )

    async def _settle(
        self,
        connection: Connection,
        tenant_id: UUID,
        taken: _Begun,
        delivery: Delivery,
        answer: Answer,
        now: datetime,
    ) -> None:
        number = taken.delivery.attempts
        attempt = Attempt(
            number=number,
            start_time=taken.start_time,
            status_code=answer.status_code,
            duration_ms=round(answer.duration.total_seconds() * 1000),
            error=answer.error,
            response_body=text_of(answer.body),
        )
        await self._store.put_attempt(connection, tenant_id, delivery, attempt)
        if delivery.status is not DeliveryStatus.SENDING or delivery.attempts != number:
            # Somebody who took this attempt for lost has gone on.
            return
        after = settled(delivery, answer, self._policy, now, self._chance())
        await self._store.save_delivery(connection, tenant_id, after)
        if after.status is DeliveryStatus.WAITING:
            await self._queue.put(
                connection,
                tenant_id,
                taken.webhook.webhook_id,
                [(delivery.delivery_id, number + 1)],
                after.next_attempt_time,
            )
