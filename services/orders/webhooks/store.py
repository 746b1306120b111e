"""Endpoints, deliveries and attempts in Postgres.

What begins or ends an attempt holds the endpoint's row first: so the places at it are counted by
one transaction at a time, and what gives a place back sees everybody who waits for one.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.data.postgres import Connection, Database, Queries
from services.orders.webhooks.delivery import Attempt, Delivery, DeliveryStatus
from services.orders.webhooks.webhook import DisableReason, Health, Secrets, Terms, Webhook

_QUERIES = Queries.load(__package__)
DELETE_EXPIRED = (_QUERIES.delete_expired_deliveries, _QUERIES.delete_expired_attempts)


class WebhookStore:
    """Reads and writes, by a connection in a transaction of the tenant where one is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """A transaction of the tenant."""
        async with self._database.tenant(tenant_id) as connection:
            yield connection

    async def add(
        self, connection: Connection, tenant_id: UUID, webhook: Webhook, most: int
    ) -> bool:
        """Makes an endpoint; whether the tenant had fewer than `most`."""
        await connection.execute(_QUERIES.hold_tenant, tenant_id)
        if await connection.fetchval(_QUERIES.count_webhooks, tenant_id) >= most:
            return False
        terms = webhook.terms
        await connection.execute(
            _QUERIES.add_webhook,
            *(tenant_id, webhook.webhook_id, terms.url, terms.event_types, terms.description),
            *(terms.failures_to_open, terms.open_seconds),
            *(webhook.secrets.current, webhook.create_time),
        )
        return True

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> Webhook | None:
        """The endpoint, if the tenant has it."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(_QUERIES.get_webhook, tenant_id, webhook_id)
        return _webhook(row) if row else None

    async def lock(
        self, connection: Connection, tenant_id: UUID, webhook_id: UUID
    ) -> Webhook | None:
        """The same, held until the transaction ends."""
        row = await connection.fetchrow(_QUERIES.lock_webhook, tenant_id, webhook_id)
        return _webhook(row) if row else None

    async def page(self, tenant_id: UUID, after: UUID | None, limit: int) -> list[Webhook]:
        """At most `limit` endpoints after `after` (None: from the oldest)."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.fetch(_QUERIES.list_webhooks, tenant_id, after, limit)
        return [_webhook(row) for row in rows]

    async def save_terms(self, connection: Connection, tenant_id: UUID, webhook: Webhook) -> None:
        """Writes what an endpoint's owner says of it."""
        terms = webhook.terms
        await connection.execute(
            _QUERIES.save_terms,
            *(tenant_id, webhook.webhook_id, terms.url, terms.event_types, terms.description),
            *(terms.failures_to_open, terms.open_seconds, webhook.update_time),
        )

    async def save_secrets(self, connection: Connection, tenant_id: UUID, webhook: Webhook) -> None:
        """Writes an endpoint's secrets."""
        secrets = webhook.secrets
        await connection.execute(
            _QUERIES.save_secrets,
            *(tenant_id, webhook.webhook_id, secrets.current, secrets.old),
            *(secrets.old_expire_time, webhook.update_time),
        )

    async def save_health(self, connection: Connection, tenant_id: UUID, webhook: Webhook) -> None:
        """Writes how an endpoint is doing, and whether it is sent anything."""
        health = webhook.health
        await connection.execute(
            _QUERIES.save_health,
            *(tenant_id, webhook.webhook_id, webhook.disable_reason, webhook.disable_time),
            *(health.failures, health.open_until, health.failing_since, webhook.wake_time),
        )

    async def delete(self, connection: Connection, tenant_id: UUID, webhook_id: UUID) -> bool:
        """Deletes an endpoint and what is to be sent to it; whether there was one."""
        tag = await connection.execute(_QUERIES.delete_webhook, tenant_id, webhook_id)
        await connection.execute(_QUERIES.delete_pending, tenant_id, webhook_id)
        return bool(tag == "DELETE 1")

    async def tenants(self, tenant_ids: Collection[UUID]) -> set[UUID]:
        """Those of these tenants that have an enabled endpoint, past row-level security."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES.find_tenants, list(tenant_ids))
        return {row["tenant_id"] for row in rows}

    async def subscriptions(
        self, connection: Connection, tenant_id: UUID
    ) -> Sequence[tuple[UUID, tuple[str, ...]]]:
        """The tenant's enabled endpoints, each with what it wants."""
        rows = await connection.fetch(_QUERIES.list_subscriptions, tenant_id)
        return [(row["webhook_id"], tuple(row["event_types"])) for row in rows]

    async def add_deliveries(
        self,
        connection: Connection,
        tenant_id: UUID,
        one: Delivery,
        ids: Collection[tuple[UUID, UUID]],
    ) -> list[tuple[UUID, UUID]]:
        """Makes a delivery of one event for each endpoint that has none of it.

        Args:
            connection: in a transaction of the tenant.
            tenant_id: whose event.
            one: what they have in common.
            ids: a delivery and an endpoint each.

        Returns:
            Those that were made.
        """
        rows = await connection.fetch(
            _QUERIES.add_deliveries,
            tenant_id,
            [delivery_id for delivery_id, _ in ids],
            [webhook_id for _, webhook_id in ids],
            *(one.event_id, one.event_type, one.payload, one.create_time, one.expire_time),
        )
        return [(row["delivery_id"], row["webhook_id"]) for row in rows]

    async def get_delivery(
        self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID
    ) -> tuple[Delivery, list[Attempt]] | None:
        """A delivery with what is sent and what was tried, if the endpoint has it."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(
                _QUERIES.get_delivery, tenant_id, webhook_id, delivery_id
            )
            if row is None:
                return None
            attempts = await connection.fetch(_QUERIES.list_attempts, tenant_id, delivery_id)
        return _delivery(row), [_attempt(attempt) for attempt in attempts]

    async def lock_delivery(
        self, connection: Connection, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID
    ) -> Delivery | None:
        """A delivery, held until the transaction ends; its endpoint is held already."""
        row = await connection.fetchrow(_QUERIES.lock_delivery, tenant_id, webhook_id, delivery_id)
        return _delivery(row) if row else None

    async def deliveries(
        self,
        tenant_id: UUID,
        webhook_id: UUID,
        status: DeliveryStatus | None,
        before: UUID | None,
        limit: int,
    ) -> list[Delivery]:
        """At most `limit` deliveries before `before` (None: from the newest), newest first."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_QUERIES.plan_for_arguments)
            rows = await connection.fetch(
                _QUERIES.list_deliveries, tenant_id, webhook_id, status, before, limit
            )
        return [_delivery(row) for row in rows]

    async def save_delivery(
        self, connection: Connection, tenant_id: UUID, delivery: Delivery
    ) -> None:
        """Writes how far a delivery is."""
        await connection.execute(
            _QUERIES.save_delivery,
            *(tenant_id, delivery.delivery_id, delivery.status),
            *(delivery.attempts, delivery.tries, delivery.last_status_code),
            *(delivery.next_attempt_time, delivery.lease_time),
            *(delivery.is_parked, delivery.finish_time),
        )

    async def busy(
        self,
        connection: Connection,
        tenant_id: UUID,
        webhook_id: UUID,
        beside: UUID,
        now: datetime,
    ) -> int:
        """Attempts being made at an endpoint, beside those of one delivery."""
        count: int = await connection.fetchval(
            _QUERIES.count_busy, tenant_id, webhook_id, beside, now
        )
        return count

    async def wake(
        self, connection: Connection, tenant_id: UUID, webhook_id: UUID, most: int
    ) -> list[tuple[UUID, int]]:
        """The longest due of an endpoint's parked deliveries and their attempts; parked no more."""
        rows = await connection.fetch(_QUERIES.wake_deliveries, tenant_id, webhook_id, most)
        return [(row["delivery_id"], row["attempts"]) for row in rows]

    async def retry_failed(
        self,
        connection: Connection,
        tenant_id: UUID,
        webhook_id: UUID,
        since: datetime,
        now: datetime,
        after: UUID,
        most: int,
    ) -> list[UUID]:
        """Parks deliveries given up at `since` or later, to be sent once more; which these are.

        They are the first `most` after delivery `after`.
        """
        rows = await connection.fetch(
            _QUERIES.retry_failed, tenant_id, webhook_id, since, now, after, most
        )
        return [row["delivery_id"] for row in rows]

    async def stalled(self, before: datetime) -> list[tuple[UUID, UUID]]:
        """Tenants and endpoints, at most 100, where something has been due since `before`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES.find_stalled, before)
        return [(row["tenant_id"], row["webhook_id"]) for row in rows]

    async def park_stalled(
        self, connection: Connection, tenant_id: UUID, webhook_id: UUID, before: datetime
    ) -> None:
        """Parks what has been due at an endpoint since `before` without anybody's coming."""
        await connection.execute(_QUERIES.park_stalled, tenant_id, webhook_id, before)

    async def waiting(self) -> int:
        """Deliveries of all tenants that are to be sent."""
        async with self._database.connection() as connection:
            count: int = await connection.fetchval(_QUERIES.count_waiting)
        return count

    async def put_attempt(
        self, connection: Connection, tenant_id: UUID, delivery: Delivery, attempt: Attempt
    ) -> None:
        """Keeps an attempt for as long as its delivery."""
        await connection.execute(
            _QUERIES.put_attempt,
            *(tenant_id, delivery.delivery_id, attempt.number, attempt.start_time),
            *(attempt.status_code, attempt.duration_ms, attempt.error, attempt.response_body),
            delivery.expire_time,
        )


def _webhook(row: asyncpg.Record) -> Webhook:
    reason = row["disable_reason"]
    return Webhook(
        webhook_id=row["webhook_id"],
        terms=Terms(
            url=row["url"],
            event_types=tuple(row["event_types"]),
            description=row["description"],
            failures_to_open=row["failures_to_open"],
            open_seconds=row["open_seconds"],
        ),
        secrets=Secrets(row["secret"], row["old_secret"], row["old_secret_expire_time"]),
        create_time=row["create_time"],
        update_time=row["update_time"],
        disable_reason=DisableReason(reason) if reason else None,
        disable_time=row["disable_time"],
        health=Health(row["failures"], row["open_until"], row["failing_since"]),
        wake_time=row["wake_time"],
    )


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(**{**row, "status": DeliveryStatus(row["status"])})


def _attempt(row: asyncpg.Record) -> Attempt:
    return Attempt(**row)
