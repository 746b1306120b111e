"""What an event does: it becomes a delivery for each endpoint that wants it, once.

The deliveries and their jobs are made in the transaction that moves the consumer's position, so
each exists exactly once, whoever crashes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.ids import IdFactory
from services.chassis.data.postgres import Connection
from services.chassis.data.streams import StreamEvent
from services.orders.newest import Newest
from services.orders.webhooks.delivery import Delivery, DeliveryStatus
from services.orders.webhooks.events import read
from services.orders.webhooks.queueing import DeliveryQueue
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import wants


@dataclass(frozen=True, slots=True)
class _Subscriptions:
    """The enabled endpoints of a tenant, as they were read at a time."""

    read_time: datetime
    endpoints: Sequence[tuple[UUID, tuple[str, ...]]]


class Dispatcher:
    """The effect of events."""

    def __init__(
        self,
        store: WebhookStore,
        queue: DeliveryQueue,
        ids: IdFactory,
        clock: Callable[[], datetime],
        kept_for: timedelta,
    ) -> None:
        self._store = store
        self._queue = queue
        self._ids = ids
        self._clock = clock
        self._kept_for = kept_for
        self._known = Newest[_Subscriptions]()

    async def __call__(self, connection: Connection, event: StreamEvent) -> None:
        """Makes an event's deliveries in the transaction given.

        Raises:
            ValueError, KeyError, TypeError: the event is no CloudEvent.
        """
        event_id, time = read(event.payload)
        endpoints = await self._endpoints(connection, event.tenant_id, time)
        wanted = [id_ for id_, patterns in endpoints if wants(patterns, event.type)]
        if not wanted:
            return
        now = self._clock()
        one = Delivery(
            delivery_id=self._ids.new(),
            webhook_id=wanted[0],
            event_id=event_id,
            event_type=event.type,
            status=DeliveryStatus.WAITING,
            create_time=now,
            expire_time=now + self._kept_for,
            payload=event.payload,
        )
        ids = [(self._ids.new(), webhook_id) for webhook_id in wanted]
        made = await self._store.add_deliveries(connection, event.tenant_id, one, ids)
        for delivery_id, webhook_id in made:
            await self._queue.put(connection, event.tenant_id, webhook_id, [(delivery_id, 1)])

    async def _endpoints(
        self, connection: Connection, tenant_id: UUID, since: datetime
    ) -> Sequence[tuple[UUID, tuple[str, ...]]]:
        """The tenant's endpoints as they were at `since` or later.

        So events that come together are answered by one look, and each sees what was made before
        it happened.
        """
        known = self._known.of(tenant_id)
        if known is None or known.read_time <= since:
            now = self._clock()
            endpoints = await self._store.subscriptions(connection, tenant_id)
            known = self._known.keep(tenant_id, _Subscriptions(now, endpoints))
        return known.endpoints
