"""All that an endpoint has given up, sent once more."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.chassis.data.idempotency import IdempotencyKeys, Scope
from services.chassis.data.postgres import Connection
from services.orders.webhooks.queueing import DeliveryQueue
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import Webhook

# A transaction of so many is short: attempts at the endpoint, whose row it holds, wait for it, and
# a call that is out of time ends between two of them.
_AT_ONCE = 500


class BulkRetry:
    """Retries what was given up, some deliveries in a transaction; calling again does the rest."""

    def __init__(
        self,
        store: WebhookStore,
        queue: DeliveryQueue,
        keys: IdempotencyKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._queue = queue
        self._keys = keys
        self._clock = clock

    async def run(
        self,
        scope: Scope,
        lock: Callable[[Connection], Awaitable[Webhook]],
        since: datetime,
    ) -> int:
        """Has deliveries sent once more that were given up at `since` or later; how many.

        Args:
            scope: whose endpoint it is; no key is taken.
            lock: holds the endpoint's row; raises unless there is one that is sent events.
            since: from when on.

        Raises:
            Failure: of `lock`, or ABORTED REQUEST_IN_PROGRESS if somebody holds a row for too
                long. What was retried before stays so.
        """
        count, after, is_over = 0, UUID(int=0), False

        async def some(connection: Connection) -> bytes:
            nonlocal count, after, is_over
            webhook, now = await lock(connection), self._clock()
            retried = await self._store.retry_failed(
                connection, scope.tenant_id, webhook.webhook_id, since, now, after, _AT_ONCE
            )
            await self._queue.wake(connection, scope.tenant_id, webhook, now)
            count, is_over = count + len(retried), len(retried) < _AT_ONCE
            after = max(retried, default=after)
            return b""

        while not is_over:
            await self._keys.run_once(replace(scope, key=""), b"", some)
        return count
