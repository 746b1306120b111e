"""Jobs of deliveries: one for each that is due, and none for those that wait for a place.

A delivery for which its endpoint has no place is parked. Whoever gives a place back wakes as many
as there are places now; of those that wait for an open breaker one is woken, when it half-opens.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.chassis.data.jobs import Deferred, Json, Queue, defer
from services.chassis.data.postgres import Connection
from services.orders.webhooks.settling import Policy, free
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import Webhook

DELIVER = "orders.deliver_webhook"
_NOBODY = UUID(int=0)


class DeliveryQueue:
    """Defers jobs in the transactions that make deliveries due."""

    def __init__(self, store: WebhookStore, policy: Policy) -> None:
        self._store = store
        self._policy = policy

    async def put(
        self,
        connection: Connection,
        tenant_id: UUID,
        webhook_id: UUID,
        attempts: Iterable[tuple[UUID, int]],
        at: datetime | None = None,
    ) -> None:
        """Has attempts made: of these deliveries, each with its number, not before `at`."""
        for delivery_id, number in attempts:
            args: dict[str, Json] = {
                "webhook_id": str(webhook_id),
                "delivery_id": str(delivery_id),
                "number": number,
            }
            await defer(connection, Deferred(Queue.NOTIFICATIONS, DELIVER, tenant_id, args, at=at))

    async def wake(
        self, connection: Connection, tenant_id: UUID, webhook: Webhook, now: datetime
    ) -> Webhook:
        """Has parked deliveries of an endpoint, whose row is held, go on; the endpoint after it."""
        if not webhook.is_enabled:
            return webhook
        opens = webhook.health.open_until
        if opens is not None and opens > now:
            return await self._wake_at(connection, tenant_id, webhook, opens, now)
        busy = await self._store.busy(connection, tenant_id, webhook.webhook_id, _NOBODY, now)
        places = free(webhook, busy, self._policy, now)
        if places:
            await self._wake(connection, tenant_id, webhook, places, None)
        return webhook

    async def _wake_at(
        self,
        connection: Connection,
        tenant_id: UUID,
        webhook: Webhook,
        opens: datetime,
        now: datetime,
    ) -> Webhook:
        """Wakes one delivery for when the breaker half-opens, unless one is woken already."""
        if webhook.wake_time is not None and webhook.wake_time > now:
            return webhook
        if not await self._wake(connection, tenant_id, webhook, 1, opens):
            return webhook
        woken = replace(webhook, wake_time=opens)
        await self._store.save_health(connection, tenant_id, woken)
        return woken

    async def _wake(
        self,
        connection: Connection,
        tenant_id: UUID,
        webhook: Webhook,
        most: int,
        at: datetime | None,
    ) -> bool:
        woken = await self._store.wake(connection, tenant_id, webhook.webhook_id, most)
        await self.put(
            connection,
            tenant_id,
            webhook.webhook_id,
            [(delivery_id, attempts + 1) for delivery_id, attempts in woken],
            at,
        )
        return bool(woken)
