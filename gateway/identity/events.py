"""CloudEvents type `maitred.tenant.v1`; data: maitred.events.v1.TenantV1."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from gateway.identity.model import Tenant
from services.chassis.data.outbox import OutboxEvent, cloud_event

TYPE = "maitred.tenant.v1"
SOURCE = "/maitred/identity"


def tenant_event(event_id: UUID, tenant: Tenant, now: datetime) -> OutboxEvent:
    """What is told of a tenant that was made or changed at `now`."""
    return OutboxEvent(
        event_id=event_id,
        tenant_id=tenant.tenant_id,
        type=TYPE,
        aggregate_id="tenant",
        # Nobody's but the staff's.
        principal_id="",
        payload=cloud_event(
            event_id=event_id,
            source=SOURCE,
            event_type=TYPE,
            subject=tenant.slug,
            time=now,
            data={
                "tenant_id": str(tenant.tenant_id),
                "slug": tenant.slug,
                "time_zone": tenant.time_zone,
            },
        ),
    )
