"""maitred.orders.v1.WebhookService."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from maitred.orders.v1 import webhook_pb2, webhook_service_pb2, webhook_service_pb2_grpc

from services.chassis.data.idempotency import Answer, IdempotencyKeys
from services.chassis.data.ids import IdFactory, from_id, to_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.data.postgres import Connection
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.webhooks.addresses import TargetRefused
from services.orders.webhooks.convert import (
    changed,
    check_types,
    delivery_not_found,
    from_delivery,
    from_webhook,
    limit_reached,
    target_refused,
    to_status,
    to_terms,
    webhook_disabled,
    webhook_not_found,
)
from services.orders.webhooks.delivery import Delivery, DeliveryStatus
from services.orders.webhooks.events import TEST, test_event
from services.orders.webhooks.issuing import SecretIssuer, answered
from services.orders.webhooks.queueing import DeliveryQueue
from services.orders.webhooks.retrying import BulkRetry
from services.orders.webhooks.sending import Sender
from services.orders.webhooks.settling import Policy, disabled, enabled, retried
from services.orders.webhooks.store import WebhookStore
from services.orders.webhooks.webhook import DisableReason, Secrets, Webhook

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What tenants may have.

    Attributes:
        endpoints: at most.
        overlap: how long the secret before the last rotation signs as well, by default.
    """

    endpoints: int
    overlap: timedelta


class WebhookService(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Keeps endpoints and tells what was delivered."""

    def __init__(
        self,
        store: WebhookStore,
        queue: DeliveryQueue,
        keys: IdempotencyKeys,
        sender: Sender,
        issuer: SecretIssuer,
        policy: Policy,
        limits: Limits,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._queue = queue
        self._keys = keys
        self._sender = sender
        self._issuer = issuer
        self._policy = policy
        self._limits = limits
        self._ids = ids
        self._clock = clock
        self._tokens = tokens
        self._bulk_retry = BulkRetry(store, queue, keys, clock)

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.WebhookService",
            webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server,
            self,
        )

    async def CreateWebhook(
        self, request: webhook_service_pb2.CreateWebhookRequest, context: Context
    ) -> webhook_service_pb2.CreateWebhookResponse:
        tenant_id = current().principal.tenant_id
        check_types(request.event_types)
        await self._check(request.url)
        now, webhook_id = self._clock(), self._ids.new()
        webhook = Webhook(
            webhook_id=webhook_id,
            terms=to_terms(request),
            secrets=Secrets(self._issuer.new(tenant_id, webhook_id)),
            create_time=now,
            update_time=now,
        )

        async def work(connection: Connection) -> bytes:
            if not await self._store.add(connection, tenant_id, webhook, self._limits.endpoints):
                raise limit_reached(self._limits.endpoints)
            return webhook_service_pb2.CreateWebhookResponse(
                webhook=self._shown(webhook), secret=answered(webhook.secrets)
            ).SerializeToString()

        answer = await self._once(context, "CreateWebhook", request, work)
        response = webhook_service_pb2.CreateWebhookResponse.FromString(answer.body)
        response.secret = self._issuer.told(
            tenant_id, from_id("whk", response.webhook.webhook_id), response.secret
        )
        return response

    async def ListWebhooks(
        self, request: webhook_service_pb2.ListWebhooksRequest, context: Context
    ) -> webhook_service_pb2.ListWebhooksResponse:
        arguments = {"list": "webhooks"}
        position = self._tokens.decode(request.page_token, arguments)
        size = page_size(request.page_size)
        after = UUID(str(position[0])) if position else None
        found = await self._store.page(current().principal.tenant_id, after, size + 1)
        page = found[:size]
        return webhook_service_pb2.ListWebhooksResponse(
            webhooks=[self._shown(webhook) for webhook in page],
            next_page_token=self._tokens.encode([str(page[-1].webhook_id)], arguments)
            if len(found) > size
            else "",
        )

    async def GetWebhook(
        self, request: webhook_service_pb2.GetWebhookRequest, context: Context
    ) -> webhook_service_pb2.GetWebhookResponse:
        webhook = await self._get(request.webhook_id)
        return webhook_service_pb2.GetWebhookResponse(webhook=self._shown(webhook))

    async def UpdateWebhook(
        self, request: webhook_service_pb2.UpdateWebhookRequest, context: Context
    ) -> webhook_service_pb2.UpdateWebhookResponse:
        check_types(request.event_types)
        if request.HasField("url"):
            await self._check(request.url)

        async def work(connection: Connection) -> bytes:
            webhook = await self._lock(connection, request.webhook_id)
            webhook = replace(
                webhook, terms=changed(webhook.terms, request), update_time=self._clock()
            )
            tenant_id = current().principal.tenant_id
            await self._store.save_terms(connection, tenant_id, webhook)
            return webhook_service_pb2.UpdateWebhookResponse(
                webhook=self._shown(webhook)
            ).SerializeToString()

        answer = await self._once(context, "UpdateWebhook", request, work)
        return webhook_service_pb2.UpdateWebhookResponse.FromString(answer.body)

    async def DeleteWebhook(
        self, request: webhook_service_pb2.DeleteWebhookRequest, context: Context
    ) -> webhook_service_pb2.DeleteWebhookResponse:
        tenant_id = current().principal.tenant_id

        async def work(connection: Connection) -> bytes:
            webhook_id = from_id("whk", request.webhook_id)
            if not await self._store.delete(connection, tenant_id, webhook_id):
                raise webhook_not_found(request.webhook_id)
            return webhook_service_pb2.DeleteWebhookResponse().SerializeToString()

        await self._once(context, "DeleteWebhook", request, work)
        return webhook_service_pb2.DeleteWebhookResponse()

    async def RotateWebhookSecret(
        self, request: webhook_service_pb2.RotateWebhookSecretRequest, context: Context
    ) -> webhook_service_pb2.RotateWebhookSecretResponse:
        tenant_id = current().principal.tenant_id

        async def work(connection: Connection) -> bytes:
            webhook = await self._lock(connection, request.webhook_id)
            now, new = self._clock(), self._issuer.new(tenant_id, webhook.webhook_id)
            overlap = (
                timedelta(seconds=request.overlap_seconds)
                if request.HasField("overlap_seconds")
                else self._limits.overlap
            )
            secrets = Secrets(new, webhook.secrets.current, now + overlap)
            webhook = replace(webhook, secrets=secrets, update_time=now)
            await self._store.save_secrets(connection, tenant_id, webhook)
            return webhook_service_pb2.RotateWebhookSecretResponse(
                webhook=self._shown(webhook), secret=answered(webhook.secrets)
            ).SerializeToString()

        answer = await self._once(context, "RotateWebhookSecret", request, work)
        response = webhook_service_pb2.RotateWebhookSecretResponse.FromString(answer.body)
        response.secret = self._issuer.told(
            tenant_id, from_id("whk", request.webhook_id), response.secret
        )
        return response

    async def EnableWebhook(
        self, request: webhook_service_pb2.EnableWebhookRequest, context: Context
    ) -> webhook_service_pb2.EnableWebhookResponse:
        webhook = await self._switch(request.webhook_id, enabled)
        return webhook_service_pb2.EnableWebhookResponse(webhook=webhook)

    async def DisableWebhook(
        self, request: webhook_service_pb2.DisableWebhookRequest, context: Context
    ) -> webhook_service_pb2.DisableWebhookResponse:
        webhook = await self._switch(
            request.webhook_id,
            lambda webhook: disabled(webhook, DisableReason.OWNER, self._clock()),
        )
        return webhook_service_pb2.DisableWebhookResponse(webhook=webhook)

    async def SendTestEvent(
        self, request: webhook_service_pb2.SendTestEventRequest, context: Context
    ) -> webhook_service_pb2.SendTestEventResponse:
        tenant_id = current().principal.tenant_id

        async def work(connection: Connection) -> bytes:
            webhook = await self._lock_enabled(connection, request.webhook_id)
            now, event_id = self._clock(), self._ids.new()
            delivery = Delivery(
                delivery_id=self._ids.new(),
                webhook_id=webhook.webhook_id,
                event_id=to_id("evt", event_id),
                event_type=TEST,
                status=DeliveryStatus.WAITING,
                create_time=now,
                expire_time=now + self._policy.kept_for,
                next_attempt_time=now,
                payload=test_event(
                    tenant_id=tenant_id, webhook_id=webhook.webhook_id, event_id=event_id, now=now
                ),
            )
            ids = delivery.delivery_id, delivery.webhook_id
            await self._store.add_deliveries(connection, tenant_id, delivery, [ids])
            await self._queue.put(
                connection, tenant_id, webhook.webhook_id, [(delivery.delivery_id, 1)]
            )
            return webhook_service_pb2.SendTestEventResponse(
                delivery=from_delivery(delivery)
            ).SerializeToString()

        answer = await self._once(context, "SendTestEvent", request, work)
        return webhook_service_pb2.SendTestEventResponse.FromString(answer.body)

    async def ListWebhookDeliveries(
        self, request: webhook_service_pb2.ListWebhookDeliveriesRequest, context: Context
    ) -> webhook_service_pb2.ListWebhookDeliveriesResponse:
        arguments = {
            "list": "webhook_deliveries",
            "webhook": request.webhook_id,
            "status": str(request.status),
        }
        position = self._tokens.decode(request.page_token, arguments)
        webhook = await self._get(request.webhook_id)
        size = page_size(request.page_size)
        found = await self._store.deliveries(
            current().principal.tenant_id,
            webhook.webhook_id,
            to_status(request.status),
            UUID(str(position[0])) if position else None,
            size + 1,
        )
        page = found[:size]
        return webhook_service_pb2.ListWebhookDeliveriesResponse(
            deliveries=[from_delivery(delivery) for delivery in page],
            next_page_token=self._tokens.encode([str(page[-1].delivery_id)], arguments)
            if len(found) > size
            else "",
        )

    async def GetWebhookDelivery(
        self, request: webhook_service_pb2.GetWebhookDeliveryRequest, context: Context
    ) -> webhook_service_pb2.GetWebhookDeliveryResponse:
        found = await self._store.get_delivery(
            current().principal.tenant_id,
            from_id("whk", request.webhook_id),
            from_id("whd", request.delivery_id),
        )
        if found is None:
            raise delivery_not_found(request.delivery_id)
        return webhook_service_pb2.GetWebhookDeliveryResponse(delivery=from_delivery(*found))

    async def RetryWebhookDelivery(
        self, request: webhook_service_pb2.RetryWebhookDeliveryRequest, context: Context
    ) -> webhook_service_pb2.RetryWebhookDeliveryResponse:
        tenant_id = current().principal.tenant_id

        async def work(connection: Connection) -> bytes:
            webhook = await self._lock_enabled(connection, request.webhook_id)
            delivery = await self._store.lock_delivery(
                connection, tenant_id, webhook.webhook_id, from_id("whd", request.delivery_id)
            )
            if delivery is None:
                raise delivery_not_found(request.delivery_id)
            # An attempt being made is what was asked for.
            if delivery.status is not DeliveryStatus.SENDING:
                delivery = retried(delivery, self._clock())
                await self._store.save_delivery(connection, tenant_id, delivery)
                again = delivery.delivery_id, delivery.attempts + 1
                await self._queue.put(connection, tenant_id, webhook.webhook_id, [again])
            return webhook_service_pb2.RetryWebhookDeliveryResponse(
                delivery=from_delivery(delivery)
            ).SerializeToString()

        answer = await self._once(context, "RetryWebhookDelivery", request, work)
        return webhook_service_pb2.RetryWebhookDeliveryResponse.FromString(answer.body)

    async def RetryWebhookDeliveries(
        self, request: webhook_service_pb2.RetryWebhookDeliveriesRequest, context: Context
    ) -> webhook_service_pb2.RetryWebhookDeliveriesResponse:
        scope = scope_of(current().principal, "RetryWebhookDeliveries", request.request_id)
        count = 0
        if await self._keys.stored(scope, keyless(request)) is None:
            count = await self._bulk_retry.run(
                scope,
                lambda connection: self._lock_enabled(connection, request.webhook_id),
                request.since_time.ToDatetime(UTC),
            )

        async def work(_: Connection) -> bytes:
            return webhook_service_pb2.RetryWebhookDeliveriesResponse(
                retried_count=count
            ).SerializeToString()

        answer = await self._once(context, "RetryWebhookDeliveries", request, work)
        return webhook_service_pb2.RetryWebhookDeliveriesResponse.FromString(answer.body)

    async def _once(
        self,
        context: Context,
        rpc: str,
        request: Any,
        work: Callable[[Connection], Awaitable[bytes]],
    ) -> Answer:
        scope = scope_of(current().principal, rpc, request.request_id)
        answer = await self._keys.run_once(scope, keyless(request), work)
        tell_replayed(context, answer)
        return answer

    async def _switch(
        self, webhook_id: str, change: Callable[[Webhook], Webhook]
    ) -> webhook_pb2.Webhook:
        """Changes whether events are sent; what waited goes on if they are."""
        tenant_id = current().principal.tenant_id
        async with self._store.tenant(tenant_id) as connection:
            webhook = change(await self._lock(connection, webhook_id))
            await self._store.save_health(connection, tenant_id, webhook)
            webhook = await self._queue.wake(connection, tenant_id, webhook, self._clock())
        return self._shown(webhook)

    async def _check(self, url: str) -> None:
        try:
            await self._sender.check(url)
        except TargetRefused as refused:
            raise target_refused(refused) from None

    async def _get(self, webhook_id: str) -> Webhook:
        tenant_id = current().principal.tenant_id
        webhook = await self._store.get(tenant_id, from_id("whk", webhook_id))
        if webhook is None:
            raise webhook_not_found(webhook_id)
        return webhook

    async def _lock(self, connection: Connection, webhook_id: str) -> Webhook:
        tenant_id = current().principal.tenant_id
        webhook = await self._store.lock(connection, tenant_id, from_id("whk", webhook_id))
        if webhook is None:
            raise webhook_not_found(webhook_id)
        return webhook

    async def _lock_enabled(self, connection: Connection, webhook_id: str) -> Webhook:
        webhook = await self._lock(connection, webhook_id)
        if not webhook.is_enabled:
            raise webhook_disabled(webhook_id)
        return webhook

    def _shown(self, webhook: Webhook) -> webhook_pb2.Webhook:
        return from_webhook(webhook, self._policy.thresholds, self._clock())
